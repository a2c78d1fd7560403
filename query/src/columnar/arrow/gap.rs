//! Gaps in a stream: a batch without rows whose message says what is missing.

use crate::columnar::metadata;
use crate::rows::{Header, Missing};
use arrow_ipc::writer::EncodedData;
use arrow_ipc::{
    Buffer, FieldNode, KeyValue, KeyValueArgs, MessageBuilder, MessageHeader, MetadataVersion,
    RecordBatchBuilder,
};
use flatbuffers::FlatBufferBuilder;
use nodemon_formats::ColumnType;

/// The key of the message's metadata under which the gap stands, as JSON.
const KEY: &str = "nodemon.gap";

/// Presence bits and values; of text also where each begins. A histogram has presence bits and where
/// each begins, its buckets presence bits, and the two numbers of a bucket presence bits and values.
fn buffers_of(kind: ColumnType) -> usize {
    match kind {
        ColumnType::U64 | ColumnType::I64 | ColumnType::F64 | ColumnType::Bool => 2,
        ColumnType::String | ColumnType::Bytes | ColumnType::Stack => 3,
        ColumnType::Histogram => 2 + 1 + 2 * 2,
    }
}

/// A column, and what is nested in it.
fn nodes_of(kind: ColumnType) -> usize {
    if kind == ColumnType::Histogram { 4 } else { 1 }
}

/// The message for a gap. Readers that do not look at metadata see a batch of no rows.
pub fn message(header: &Header, gap: &Missing) -> EncodedData {
    let kinds = || header.fields.iter().map(|field| field.kind);
    let buffers = 2 + kinds().map(buffers_of).sum::<usize>();
    let nodes = 1 + kinds().map(nodes_of).sum::<usize>();
    let mut builder = FlatBufferBuilder::new();
    let key = builder.create_string(KEY);
    let value = builder.create_string(&metadata::of_gap(gap).to_string());
    let pair = KeyValueArgs { key: Some(key), value: Some(value) };
    let pair = KeyValue::create(&mut builder, &pair);
    let about = builder.create_vector(&[pair]);
    let nodes = builder.create_vector(&vec![FieldNode::new(0, 0); nodes]);
    let buffers = builder.create_vector(&vec![Buffer::new(0, 0); buffers]);
    let mut batch = RecordBatchBuilder::new(&mut builder);
    batch.add_length(0);
    batch.add_nodes(nodes);
    batch.add_buffers(buffers);
    let batch = batch.finish();
    let mut message = MessageBuilder::new(&mut builder);
    message.add_version(MetadataVersion::V5);
    message.add_header_type(MessageHeader::RecordBatch);
    message.add_header(batch.as_union_value());
    message.add_bodyLength(0);
    message.add_custom_metadata(about);
    let message = message.finish();
    builder.finish(message, None);
    EncodedData { ipc_message: builder.finished_data().to_vec(), arrow_data: Vec::new() }
}
