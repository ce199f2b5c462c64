use std::ffi::OsString;

use export_host::{ProxyRules, ProxySettings};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

fn rules(variables: &[(&str, &str)]) -> ProxyRules {
    try_rules(variables).unwrap()
}

fn try_rules(variables: &[(&str, &str)]) -> Result<ProxyRules, String> {
    let lookup = |asked: &str| {
        let found = variables.iter().find(|(name, _)| *name == asked);
        found.map(|(_, value)| OsString::from(*value))
    };
    ProxyRules::from_environment(lookup).map_err(|error| error.to_string())
}

fn chosen(rules: &ProxyRules, url: &str) -> String {
    let proxy = rules.for_url(&url.parse().unwrap());
    proxy.map_or_else(|| "direct".into(), |proxy| proxy.uri().to_string())
}

#[test]
fn all_proxy_applies_to_the_other_schemes() {
    let both = rules(&[("HTTPS_PROXY", "http://s:1"), ("http_proxy", "http://h:2")]);
    assert_eq!(chosen(&both, "https://x/"), "http://s:1/");
    assert_eq!(chosen(&both, "http://x/"), "http://h:2/");
    let all = rules(&[("ALL_PROXY", "https://a"), ("HTTP_PROXY", "h:2")]);
    assert_eq!(chosen(&all, "https://x/"), "https://a/");
    assert_eq!(chosen(&all, "http://x/"), "http://h:2/");
    assert_eq!(chosen(&rules(&[]), "https://x/"), "direct");
}

#[test]
fn lower_case_wins_and_empty_is_unset() {
    let rules_of = |value| rules(&[("HTTPS_PROXY", "http://upper"), ("https_proxy", value)]);
    assert_eq!(chosen(&rules_of("http://lower"), "https://x/"), "http://lower/");
    assert_eq!(chosen(&rules_of(""), "https://x/"), "http://upper/");
}

#[test]
fn cgi_ignores_upper_case_http_proxy() {
    let cgi = rules(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil")]);
    assert_eq!(chosen(&cgi, "http://x/"), "direct");
}

#[test]
fn loopback_uses_the_proxy_unless_exempted() {
    let here = "http://127.0.0.1:8080/";
    assert_eq!(chosen(&rules(&[("http_proxy", "p:1")]), here), "http://p:1/");
    let exempted = rules(&[("http_proxy", "p:1"), ("NO_PROXY", "localhost, 127.0.0.0/8")]);
    assert_eq!(chosen(&exempted, here), "direct");
    assert_eq!(chosen(&exempted, "http://localhost/"), "direct");
}

#[cfg(unix)]
#[test]
fn variable_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    for name in ["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy"] {
        let lookup = |asked: &str| (asked == name).then(|| OsString::from_vec(b"p\xe4:1".into()));
        let error = ProxyRules::from_environment(lookup).unwrap_err();
        assert_eq!(error.to_string(), format!("{name}: not valid UTF-8"));
    }
}

#[test]
fn no_proxy_may_be_separated_by_blanks() {
    let rules = rules(&[("https_proxy", "p:1"), ("no_proxy", "a.example b.example,\tc.example")]);
    for host in ["a.example", "x.b.example", "c.example"] {
        assert_eq!(chosen(&rules, &format!("https://{host}/")), "direct");
    }
    assert_eq!(chosen(&rules, "https://d.example/"), "http://p:1/");
}

#[test]
fn no_proxy_may_be_separated_in_other_ways() {
    for list in ["a.example;.b.example", "a.example\nb.example\r\n", "\"a.example,b.example\""] {
        let rules = rules(&[("https_proxy", "p:1"), ("no_proxy", list)]);
        for host in ["a.example", "x.b.example"] {
            assert_eq!(chosen(&rules, &format!("https://{host}/")), "direct", "{list:?}");
        }
        assert_eq!(chosen(&rules, "https://c.example/"), "http://p:1/");
    }
}

#[test]
fn proxy_in_quotes_is_told() {
    for value in ["\"http://p:1\"", " 'p:1'"] {
        let lookup = |asked: &str| (asked == "https_proxy").then(|| value.into());
        let error = ProxyRules::from_environment(lookup).unwrap_err().to_string();
        assert!(error.starts_with("https_proxy: it is in quotes: remove them"), "{error}");
    }
}

#[test]
fn password_with_a_slash_is_not_a_host() {
    for password in ["pa/ss", "pa#ss", "pa?ss"] {
        let url = format!("http://me:{password}@proxy.example:3128");
        assert_eq!(
            try_rules(&[("https_proxy", &url)]).unwrap_err(),
            "https_proxy: a / ? or # in the user name or password has to be percent-encoded"
        );
    }
    let encoded = rules(&[("https_proxy", "http://me:pa%2Fss@proxy.example:3128")]);
    assert_eq!(chosen(&encoded, "https://x/"), "http://proxy.example:3128/");
}

#[test]
fn invalid_proxy_error_hides_the_password() {
    let error = |value| try_rules(&[("https_proxy", value)]).unwrap_err();
    let socks = error("socks5://me:secret@h");
    assert_eq!(socks, "https_proxy: only http and https proxies are supported, not SOCKS");
    assert_eq!(error("http://me:secret@ho st"), "https_proxy: not a URL");
    assert_eq!(error("http://me:secret@:80"), "https_proxy: no host");
    let explicit = ProxySettings::Url("ftp://h".into()).rules().unwrap_err();
    assert_eq!(
        explicit.to_string(),
        "the proxy's URL: only http and https proxies are supported, not SOCKS"
    );
}

#[test]
fn user_name_becomes_a_hidden_header() {
    let with_user = rules(&[("https_proxy", "http://Aladdin:open%20sesame@p:1")]);
    let proxy = with_user.for_url(&Uri::from_static("https://x/")).unwrap();
    assert_eq!(proxy.authorization().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert!(proxy.authorization().unwrap().is_sensitive());
    assert_eq!(format!("{proxy:?}"), "http://p:1/ (with a password)");
    assert!(!format!("{with_user:?}").contains("sesame"));
}

#[test]
fn explicit_proxy_applies_to_everything() {
    let one = ProxySettings::Url("http://p:3128".into()).rules().unwrap();
    assert_eq!(chosen(&one, "https://localhost/"), "http://p:3128/");
    let off = ProxySettings::Off.rules().unwrap();
    assert_eq!(chosen(&off, "https://x/"), "direct");
}

/// hyper-util's matcher follows curl's rules as well. A blocking client cannot depend on it, since
/// it depends on tokio, but a test can compare with it.
#[test]
fn no_proxy_matches_like_hyper_util() {
    let lists = [
        "",
        ",",
        " , ",
        "*",
        "example.com",
        ".example.com",
        "Example.COM",
        "com",
        "xample.com",
        "example.com, 10.0.0.0/8",
        "10.1.2.3",
        "10.1.2.3/32",
        "10.1.2.3/0",
        "10.0.0.0/9",
        "::1",
        "fe80::/10",
        "10.0.0.0/33",
        "localhost",
        "a.example.com,b.example.com",
        "*.com",
        "example.com:443",
    ];
    let hosts = [
        "example.com",
        "EXAMPLE.com",
        "www.example.com",
        "notexample.com",
        "example.com.evil.org",
        "com",
        "10.1.2.3",
        "10.128.0.1",
        "11.0.0.1",
        "127.0.0.1",
        "[::1]",
        "[fe80::1]",
        "[febf::1]",
        "[fec0::1]",
        "localhost",
        "a.example.com",
        "b.a.example.com",
    ];
    for list in lists {
        let ours = rules(&[("all_proxy", "http://p:1"), ("no_proxy", list)]);
        let theirs = Matcher::builder().all("http://p:1").no(list).build();
        for host in hosts {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}/").parse::<Uri>().unwrap();
                // hyper-util applies `*` to names only. curl's manual: it matches all hosts.
                let theirs = list != "*" && theirs.intercept(&url).is_some();
                assert_eq!(ours.for_url(&url).is_some(), theirs, "NO_PROXY={list:?} for {url}");
            }
        }
    }
}

#[test]
fn trailing_dot_does_not_change_the_host() {
    let exempted = rules(&[("all_proxy", "http://p:1"), ("no_proxy", "example.com.")]);
    assert_eq!(chosen(&exempted, "https://example.com/"), "direct");
    assert_eq!(chosen(&exempted, "https://www.example.com./"), "direct");
}

#[test]
fn proxy_and_exemption_name_their_source() {
    let rules = rules(&[
        ("HTTPS_PROXY", "http://proxy.example:3128"),
        ("all_proxy", "http://other.example:3128"),
        ("NO_PROXY", "localhost, 10.0.0.0/8 ,.example.org"),
    ]);
    let named = |url: &str| rules.for_url(&url.parse().unwrap()).map(|proxy| proxy.source());
    assert_eq!(named("https://api.app.wdesk.com/"), Some("HTTPS_PROXY"));
    assert_eq!(named("http://api.app.wdesk.com/"), Some("all_proxy"));
    let entry = |url: &str| rules.exempted_by(&url.parse().unwrap());
    assert_eq!(entry("https://api.app.wdesk.com/"), None);
    assert_eq!(entry("https://10.1.2.3/"), Some("10.0.0.0/8"));
    assert_eq!(entry("https://files.example.org/"), Some(".example.org"));
    let by_url = ProxySettings::Url("http://proxy.example".into()).rules().unwrap();
    let source = by_url.for_url(&"https://h.example/".parse().unwrap()).unwrap().source();
    assert_eq!(source, "the proxy's URL");
}
