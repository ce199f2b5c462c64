//! `NO_PROXY`: which hosts are reached without a proxy.

use std::net::IpAddr;

/// The hosts that a list in the form of `NO_PROXY` names.
///
/// **Source:** the rules of curl (its page on `--noproxy`): entries between commas, `*` for all, a
/// domain for itself and everything under it whether or not it begins with a dot, an address, or
/// a network as `address/bits`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NoProxy {
    /// Each entry, and how it was written.
    entries: Vec<(Entry, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    Domain(String),
    Network(IpAddr, u8),
}

impl NoProxy {
    /// Reads a list. Entries that make no sense match nothing.
    pub(crate) fn new(list: &str) -> Self {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Self { entries: entries.map(|entry| (Entry::new(entry), entry.into())).collect() }
    }

    /// Names the hosts of another list too.
    pub(crate) fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// The entry that names `host`, as it stands in a URL, if one does.
    pub(crate) fn entry(&self, host: &str) -> Option<&str> {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let (name, address) = (bare.trim_end_matches('.').to_ascii_lowercase(), bare.parse().ok());
        let mut entries = self.entries.iter();
        let found = entries.find(|(entry, _)| match address {
            Some(address) => entry.holds_address(address),
            None => entry.holds_name(&name),
        });
        found.map(|(_, text)| text.as_str())
    }
}

impl Entry {
    fn new(text: &str) -> Self {
        if text == "*" {
            return Self::All;
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
        if let Ok(address) = bare.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            match bits.map_or(Ok(most), str::parse) {
                Ok(bits) if bits <= most => return Self::Network(address, bits),
                _ => {}
            }
        }
        Self::Domain(text.trim_matches('.').to_ascii_lowercase())
    }

    fn holds_address(&self, host: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Domain(_) => false,
            Self::Network(network, bits) => match (network, host) {
                (IpAddr::V4(network), IpAddr::V4(host)) => {
                    let differing = network.to_bits() ^ host.to_bits();
                    differing.leading_zeros() >= u32::from(*bits)
                }
                (IpAddr::V6(network), IpAddr::V6(host)) => {
                    let differing = network.to_bits() ^ host.to_bits();
                    differing.leading_zeros() >= u32::from(*bits)
                }
                _ => false,
            },
        }
    }

    fn holds_name(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Domain(domain) if domain.is_empty() => false,
            Self::Domain(domain) => host
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Self::Network(..) => false,
        }
    }
}
