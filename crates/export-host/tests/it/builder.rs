use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use export_core::{
    Access, ApiVersion, Checkpoint, Limits, Origin, Pace, Region, Resubmit, Timestamp, TokenNeed,
    TokenStep,
};
use export_host::{
    BuildError, CheckpointStore, ClientBuilder, Credentials, FromSettings, ProxySettings, Settings,
};
use http::Request;

/// A client that shows what it was made of.
#[derive(Debug)]
struct Shown(Settings<dyn CheckpointStore, ()>);

impl FromSettings for Shown {
    type Store = dyn CheckpointStore;
    type Transport = ();

    fn from_settings(settings: Settings<Self::Store, ()>) -> Result<Self, BuildError> {
        Ok(Self(settings))
    }
}

fn builder() -> ClientBuilder<Shown> {
    ClientBuilder::default()
        .credentials(Credentials::client("an-id", "s3cret"))
        .proxy(ProxySettings::Off)
}

fn build(builder: ClientBuilder<Shown>) -> Settings<dyn CheckpointStore, ()> {
    builder.build().unwrap().0
}

fn refused(builder: ClientBuilder<Shown>) -> String {
    builder.build().unwrap_err().to_string()
}

#[test]
fn every_setting_arrives() {
    let limits = Limits { failures: 3, ..Limits::default() };
    let settings = build(
        builder()
            .region(Region::Eu)
            .api_version(ApiVersion::V2026_01_01)
            .limits(limits)
            .pace(Pace::Exact)
            .resubmit(Resubmit::Never)
            .jitter(17)
            .allow_origin("https://files.example.com"),
    );
    let config = &settings.config;
    assert_eq!(config.base_url(), "https://api.eu.wdesk.com");
    assert_eq!(config.api_version(), ApiVersion::V2026_01_01);
    assert_eq!(*config.limits(), limits);
    assert_eq!(config.pace(), Pace::Exact);
    assert_eq!(config.resubmit(), Resubmit::Never);
    assert_eq!(config.jitter(), Some(17));
    let allowed = Origin::parse("https://files.example.com").unwrap();
    assert!(config.origins().trusts(&allowed));
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let config = build(builder()).config;
    assert_eq!(config.base_url(), Region::Us.base_url());
    assert_eq!(config.api_version(), ApiVersion::V2022_01_01);
    assert_eq!(*config.limits(), Limits::default());
    assert_eq!(config.pace(), Pace::Gentle);
    assert_eq!(config.resubmit(), Resubmit::IfHarmless);
    assert_ne!(config.jitter(), build(builder()).config.jitter());
    assert!(build(builder()).checkpoints.is_none());
}

#[test]
fn what_is_missing_or_of_no_use_is_named() {
    let nobody = ClientBuilder::<Shown>::default();
    assert_eq!(refused(nobody), "no credentials were given");
    let ftp = refused(builder().base_url("ftp://h"));
    assert_eq!(ftp, "the base URL: it is neither http nor https");
    let open = refused(builder().base_url("http://192.0.2.1"));
    assert!(open.starts_with("the base URL: it is plain http"), "{open}");
    let origin = refused(builder().allow_origin("nonsense"));
    assert!(origin.starts_with("the origin to allow: "), "{origin}");
    let token = refused(builder().credentials(Credentials::token("two words")));
    assert_eq!(token, "the token is empty or contains invalid characters");
    let proxy = refused(builder().proxy(ProxySettings::Url("socks5://h".into())));
    assert_eq!(proxy, "the proxy's URL: only http and https proxies are known, and no SOCKS");
    let trusted = build(builder().plain_http_base_url("http://192.0.2.1"));
    assert_eq!(trusted.config.base_url(), "http://192.0.2.1");
}

#[test]
fn no_secret_is_printed() {
    let credentials = Credentials::client("an-id", "s3cret").with_scope("file:read");
    assert!(!format!("{credentials:?}").contains("s3cret"));
    assert!(!format!("{:?}", Credentials::token("s3cret")).contains("s3cret"));
    let proxy = ProxySettings::Url("http://me:s3cret@h".into());
    let builder = builder().proxy(proxy);
    assert!(!format!("{builder:?}").contains("s3cret"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("s3cret"));
}

#[test]
fn the_scopes_are_asked_for() {
    let credentials = Credentials::client("an-id", "s3cret").with_scope("file:read file:write");
    let mut tokens = build(builder().credentials(credentials)).tokens;
    let step = tokens.step(Timestamp::EPOCH, TokenNeed::any());
    let TokenStep::Transmit(request, _ticket) = step else { panic!("{step:?}") };
    let body = String::from_utf8(request.into_body()).unwrap();
    assert!(body.contains("scope=file%3Aread"), "{body}");
}

#[test]
fn a_caller_s_headers_go_where_the_caller_is_known_and_nowhere_else() {
    let settings = build(builder().headers(|headers| {
        assert!(headers.is_empty(), "nobody is shown the token");
        headers.insert("traceparent", "00-1-2-01".parse().unwrap());
        headers.append("tracestate", "a=1".parse().unwrap());
        headers.append("tracestate", "b=2".parse().unwrap());
        headers.insert("authorization", "mine".parse().unwrap());
    }));
    let mut request = Request::new(());
    settings.hooks.dress(&mut request, Access::Anonymous);
    assert!(request.headers().is_empty());
    request.headers_mut().insert("authorization", "Bearer t".parse().unwrap());
    settings.hooks.dress(&mut request, Access::Trusted);
    assert_eq!(request.headers()["traceparent"], "00-1-2-01");
    assert_eq!(request.headers().get_all("tracestate").iter().count(), 2);
    let authorization: Vec<_> = request.headers().get_all("authorization").iter().collect();
    assert_eq!(authorization, ["Bearer t"]);
    assert!(request.headers()["user-agent"].to_str().unwrap().starts_with("wwexportent/"));

    let named = build(builder().headers(|headers| {
        headers.insert("user-agent", "nightly/1".parse().unwrap());
    }));
    let mut request = Request::new(());
    named.hooks.dress(&mut request, Access::Trusted);
    assert_eq!(request.headers()["user-agent"], "nightly/1");
}

#[test]
fn progress_is_told() {
    let told = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&told);
    let settings = build(builder().on_progress(move |position, length| {
        assert_eq!((position, length), (5, Some(9)));
        seen.fetch_add(1, Ordering::SeqCst);
    }));
    settings.hooks.watch().progress(5, Some(9));
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[test]
fn a_store_of_the_caller_s_arrives() {
    #[derive(Debug)]
    struct Nothing;
    impl CheckpointStore for Nothing {
        fn load(&self, _key: &str) -> io::Result<Option<Checkpoint>> {
            Ok(None)
        }
        fn store(&self, _key: &str, _checkpoint: &Checkpoint) -> io::Result<()> {
            Ok(())
        }
        fn remove(&self, _key: &str) -> io::Result<()> {
            Ok(())
        }
    }
    let settings = build(builder().checkpoints(Arc::new(Nothing)));
    assert_eq!(format!("{:?}", settings.checkpoints.unwrap()), "Nothing");
}
