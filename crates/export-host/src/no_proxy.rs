//! `NO_PROXY`: hosts that are connected to without a proxy.

use std::net::IpAddr;

use crate::host_port::without_brackets;

/// The hosts of a list in the syntax of `NO_PROXY`.
///
/// **Source:** curl's manual, `--noproxy`: entries separated by commas or blanks. An entry is `*` for all
/// hosts, a domain for itself and its subdomains, with or without a leading dot, an address, or a
/// network as `address/bits`. Semicolons, as in the settings of Windows, line breaks and quotes
/// separate entries too: no host has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NoProxy {
    /// Each entry, and its text.
    entries: Vec<(Entry, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    Domain(String),
    Network(IpAddr, u8),
}

impl NoProxy {
    /// Parses a list. Invalid entries match no host.
    pub(crate) fn new(list: &str) -> Self {
        let separates = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'');
        let entries = list.split(separates).filter(|entry| !entry.is_empty());
        Self { entries: entries.map(|entry| (Entry::new(entry), entry.into())).collect() }
    }

    /// Adds the hosts of another list.
    pub(crate) fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// The entry that matches `host`, in the syntax of a URL, if one does.
    pub(crate) fn entry(&self, host: &str) -> Option<&str> {
        let bare = without_brackets(host);
        let (name, address) = (bare.trim_end_matches('.').to_ascii_lowercase(), bare.parse().ok());
        let mut entries = self.entries.iter();
        let found = entries.find(|(entry, _)| match address {
            Some(address) => entry.matches_address(address),
            None => entry.matches_name(&name),
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
        if let Ok(address) = without_brackets(address).parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            match bits.map_or(Ok(most), str::parse) {
                Ok(bits) if bits <= most => return Self::Network(address, bits),
                _ => {}
            }
        }
        Self::Domain(text.trim_matches('.').to_ascii_lowercase())
    }

    fn matches_address(&self, host: IpAddr) -> bool {
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

    fn matches_name(&self, host: &str) -> bool {
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
