//! What the counters of the protocols are called: by the kernel and nstat(8) `TcpExtListenDrops`,
//! as a column `tcp_ext_listen_drops`.

use crate::kernel_files::text::Fields;

/// The names of a line `TcpExt: ListenDrops ...` as nstat(8) has them: `TcpExtListenDrops`.
pub fn of_header(header: &[u8]) -> impl Iterator<Item = String> {
    let mut words = Fields::new(header);
    let group = words.word().unwrap_or_default();
    let group = String::from_utf8_lossy(group.strip_suffix(b":").unwrap_or(group));
    std::iter::from_fn(move || {
        words.word().map(|name| format!("{group}{}", String::from_utf8_lossy(name)))
    })
}

/// Whether a name is that of an ICMP message by its number, which the kernel lists only once it has
/// seen such a message: `IcmpMsgInType3`, `Icmp6OutType135`.
pub fn is_message_by_number(name: &str) -> bool {
    let number = |rest: &str| {
        let rest = rest.strip_prefix("In").or_else(|| rest.strip_prefix("Out"));
        rest.is_some_and(|rest| rest.starts_with("Type"))
    };
    name.starts_with("IcmpMsg") || name.strip_prefix("Icmp6").is_some_and(number)
}

/// The column of a name: `TcpExtTCPHPHits` is `tcp_ext_hp_hits`. The second `TCP` says nothing
/// that the first did not.
pub fn column(name: &str) -> String {
    const GROUPS: [(&str, &str); 2] = [("TcpExt", "tcp_ext"), ("MPTcpExt", "mptcp_ext")];
    for (group, column) in GROUPS {
        if let Some(rest) = name.strip_prefix(group) {
            let own = ["MPTCP", "TCP", "Tcp"].iter().find_map(|tcp| rest.strip_prefix(tcp));
            let rest = own.filter(|own| !own.is_empty()).unwrap_or(rest);
            return format!("{column}_{}", snake(rest));
        }
    }
    snake(name)
}

/// `InNoECTPkts` becomes `in_no_ect_pkts`: a word begins at a capital after a small letter or a
/// digit, and at the last capital of several when a small letter follows it. A small `s` at the
/// end belongs to the capitals before it: `ReasmOKs` is `reasm_oks`.
fn snake(name: &str) -> String {
    let name = name.replace("MLDv2", "Mldv2").replace("HMac", "Hmac");
    let letters: Vec<char> = name.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| letters.get(index)).copied();
    let mut column = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let before = at(index.checked_sub(1));
        let after = at(index.checked_add(1));
        let plural = after == Some('s') && index + 2 == letters.len();
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase()
                    || after.is_some_and(|after| after.is_ascii_lowercase()) && !plural
            });
        if begins {
            column.push('_');
        }
        column.push(letter.to_ascii_lowercase());
    }
    column
}

#[cfg(test)]
mod tests {
    use super::{column, is_message_by_number, of_header};

    #[test]
    fn columns_are_the_kernels_names_in_words() {
        let expected = [
            ("TcpRetransSegs", "tcp_retrans_segs"),
            ("TcpExtListenDrops", "tcp_ext_listen_drops"),
            ("TcpExtTCPHPHits", "tcp_ext_hp_hits"),
            ("TcpExtTW", "tcp_ext_tw"),
            ("TcpExtDelayedACKs", "tcp_ext_delayed_acks"),
            ("TcpExtDelayedACKLost", "tcp_ext_delayed_ack_lost"),
            ("TcpExtTCPReqQFullDrop", "tcp_ext_req_q_full_drop"),
            ("TcpExtTcpTimeoutRehash", "tcp_ext_timeout_rehash"),
            ("TcpExtTCPMD5NotFound", "tcp_ext_md5_not_found"),
            ("MPTcpExtMPTCPRetrans", "mptcp_ext_retrans"),
            ("MPTcpExtMPJoinSynAckHMacFailure", "mptcp_ext_mp_join_syn_ack_hmac_failure"),
            ("IpExtInNoECTPkts", "ip_ext_in_no_ect_pkts"),
            ("IpExtInECT1Pkts", "ip_ext_in_ect1_pkts"),
            ("IpReasmOKs", "ip_reasm_oks"),
            ("IpDefaultTTL", "ip_default_ttl"),
            ("UdpLite6InErrors", "udp_lite6_in_errors"),
            ("Icmp6InMLDv2Reports", "icmp6_in_mldv2_reports"),
        ];
        for (name, wanted) in expected {
            assert_eq!(column(name), wanted, "{name}");
        }
    }

    #[test]
    fn a_header_names_its_group_once() {
        let names: Vec<String> = of_header(b"Udp: InDatagrams NoPorts").collect();
        assert_eq!(names, ["UdpInDatagrams", "UdpNoPorts"]);
        assert_eq!(of_header(b"").count(), 0);
    }

    #[test]
    fn messages_by_number_are_known() {
        assert!(is_message_by_number("IcmpMsgInType3") && is_message_by_number("Icmp6OutType135"));
        assert!(!is_message_by_number("Icmp6InMsgs") && !is_message_by_number("IcmpInMsgs"));
    }
}
