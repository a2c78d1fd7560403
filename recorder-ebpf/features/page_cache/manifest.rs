use crate::feature::{Attach, COMMON, Column, Feature, Hook, Origin, Table, object};

pub static FEATURE: Feature = Feature {
    name: "page_cache",
    reads: "mm_filemap_get_pages, mm_filemap_add_to_page_cache, writeback_dirty_folio",
    object: object!("page_cache"),
    hooks: &[
        Hook::needed(&[
            Attach::Typed("added", "mm_filemap_add_to_page_cache"),
            Attach::Typed("added_page", "mm_filemap_add_to_page_cache"),
        ]),
        Hook::wanted(&[
            Attach::Typed("looked_up", "mm_filemap_get_pages"),
            Attach::Entry("accessed", "folio_mark_accessed"),
            Attach::Entry("accessed", "mark_page_accessed"),
            Attach::Probe("accessed_by_probe", "folio_mark_accessed"),
            Attach::Probe("accessed_by_probe", "mark_page_accessed"),
        ]),
        Hook::wanted(&[
            Attach::Typed("dirtied", "writeback_dirty_folio"),
            Attach::Typed("dirtied_page", "writeback_dirty_page"),
        ]),
    ],
    per_cpu: &[("pages", 1)],
    tables: &[Table {
        name: "page_cache",
        doc: "Pages of files in memory (the page cache), in all. Of those that were accessed, those \
              that were added and not dirtied had to be read: they are the misses, the others the \
              hits.",
        origin: Origin::DenseCounters("pages", 1),
        keys: &[],
        values: &[
            Column::counter(
                "accessed_pages",
                "count",
                "pages that reads looked up, not those of mapped files; before 6.12, those that were \
                 marked as accessed",
            ),
            Column::counter(
                "added_pages",
                "count",
                "pages that were put in: to be read, ahead of reads, or to be written",
            ),
            Column::counter("dirtied_pages", "count", "pages that were written to in memory"),
        ],
    }],
    ..COMMON
};
