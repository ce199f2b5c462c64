use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use export_core::origins::{Access, Origin};
use export_core::token::{TokenNeed, TokenStep};
use export_core::workiva::{ApiVersion, Region};
use export_core::{Checkpoint, Config, Limits, Pace, Resubmit, Timestamp};
use export_host::{
    AccessToken, BlockingTokenFn, BuildError, CheckpointStore, ClientBuilder, ClientCertificate,
    FromSettings, ProxySettings, Settings, TlsOptions, TokenError,
};
use http::Request;
use test_servers::Authority;

type Credentials = export_host::Credentials<BlockingTokenFn>;

/// A client that exposes its settings.
#[derive(Debug)]
struct SettingsProbe(Settings<Self>);

impl FromSettings for SettingsProbe {
    type Store = dyn CheckpointStore;
    type Transport = ();
    type TokenFn = BlockingTokenFn;

    fn from_settings(settings: Settings<Self>) -> Result<Self, BuildError> {
        Ok(Self(settings))
    }
}

fn builder() -> ClientBuilder<SettingsProbe> {
    ClientBuilder::default()
        .credentials(Credentials::client("an-id", "s3cret"))
        .proxy(ProxySettings::Off)
}

fn build(builder: ClientBuilder<SettingsProbe>) -> Settings<SettingsProbe> {
    builder.build().unwrap().0
}

fn refused(builder: ClientBuilder<SettingsProbe>) -> String {
    builder.build().unwrap_err().to_string()
}

#[test]
fn a_configuration_is_used_unchanged() {
    let config = Config::new("https://api.example.com").unwrap();
    let config = config.with_api_version(ApiVersion::V2026_01_01).with_resubmit(Resubmit::Never);
    let used = build(builder().region(Region::Eu).config(config.clone())).config;
    let without_jitter = |config: &Config| format!("{:?}", config.clone().with_jitter(1));
    assert_eq!(without_jitter(&used), without_jitter(&config));
    assert!(used.jitter().is_some());
    assert_eq!(build(builder().config(config.with_jitter(7))).config.jitter(), Some(7));
}

#[test]
fn builder_passes_every_setting() {
    let limits = Limits::default().with_max_failures(3);
    let settings = build(
        builder()
            .region(Region::Eu)
            .api_version(ApiVersion::V2026_01_01)
            .limits(limits)
            .pace(Pace::Exact)
            .resubmit(Resubmit::Never)
            .jitter(17)
            .now(Timestamp::from_date(2026, 11, 30))
            .allow_origin("https://files.example.com")
            .tls(TlsOptions::new().with_ca_bundle(Path::new("ca.pem"))),
    );
    assert_eq!(settings.now, Timestamp::from_date(2026, 11, 30));
    assert!(format!("{:?}", settings.tls).contains("ca.pem"), "{:?}", settings.tls);
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
fn defaults_match_the_documentation() {
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
fn missing_or_invalid_settings_are_named() {
    let anonymous = ClientBuilder::<SettingsProbe>::default();
    assert_eq!(refused(anonymous), "no credentials were given");
    let ftp = refused(builder().base_url("ftp://h"));
    assert_eq!(ftp, "invalid base URL: it is neither http nor https");
    let open = refused(builder().base_url("http://192.0.2.1"));
    assert!(open.starts_with("invalid base URL: it is plain http"), "{open}");
    let origin = refused(builder().allow_origin("nonsense"));
    assert!(origin.starts_with("invalid allowed origin: "), "{origin}");
    let token = refused(builder().credentials(Credentials::token("two words")));
    assert_eq!(token, "the token is empty or contains invalid characters");
    let proxy = refused(builder().proxy(ProxySettings::Url("socks5://h".into())));
    assert_eq!(proxy, "the proxy's URL: only http and https proxies are supported, not SOCKS");
    let trusted = build(builder().plain_http_base_url("http://192.0.2.1"));
    assert_eq!(trusted.config.base_url(), "http://192.0.2.1");
}

#[test]
fn no_secret_is_printed() {
    let credentials = Credentials::client("an-id", "s3cret").with_scope("file:read");
    assert!(!format!("{credentials:?}").contains("s3cret"));
    assert!(!format!("{:?}", Credentials::token("s3cret")).contains("s3cret"));
    let from_fn = || Credentials::from_fn(|| Ok(AccessToken::new("s3cret")));
    assert!(!format!("{:?} {:?}", from_fn(), AccessToken::new("s3cret")).contains("s3cret"));
    assert!(!format!("{:?}", build(builder().credentials(from_fn()))).contains("s3cret"));
    let proxy = ProxySettings::Url("http://me:s3cret@h".into());
    let builder = builder().proxy(proxy);
    assert!(!format!("{builder:?}").contains("s3cret"));
    assert!(!format!("{:?}", builder.build().unwrap()).contains("s3cret"));
}

#[test]
fn scopes_are_requested() {
    let credentials = Credentials::client("an-id", "s3cret").with_scope("file:read file:write");
    let mut tokens = build(builder().credentials(credentials)).tokens;
    let step = tokens.step(Timestamp::EPOCH, TokenNeed::any());
    let TokenStep::Transmit(request, _ticket) = step else { panic!("{step:?}") };
    let body = String::from_utf8(request.into_body()).unwrap();
    assert!(body.contains("scope=file%3Aread"), "{body}");
}

#[test]
fn caller_headers_go_to_trusted_origins_only() {
    let settings = build(builder().headers(|headers| {
        assert!(headers.is_empty(), "the callback must not see the token");
        headers.insert("traceparent", "00-1-2-01".parse().unwrap());
        headers.append("tracestate", "a=1".parse().unwrap());
        headers.append("tracestate", "b=2".parse().unwrap());
        headers.insert("authorization", "mine".parse().unwrap());
    }));
    let mut request = Request::new(());
    settings.hooks.apply_headers(&mut request, Access::Anonymous);
    assert!(request.headers().is_empty());
    request.headers_mut().insert("authorization", "Bearer t".parse().unwrap());
    settings.hooks.apply_headers(&mut request, Access::Trusted);
    assert_eq!(request.headers()["traceparent"], "00-1-2-01");
    assert_eq!(request.headers().get_all("tracestate").iter().count(), 2);
    let authorization: Vec<_> = request.headers().get_all("authorization").iter().collect();
    assert_eq!(authorization, ["Bearer t"]);
    assert!(request.headers()["user-agent"].to_str().unwrap().starts_with("wexport-client/"));

    let named = build(builder().headers(|headers| {
        headers.insert("user-agent", "nightly/1".parse().unwrap());
    }));
    let mut request = Request::new(());
    named.hooks.apply_headers(&mut request, Access::Trusted);
    assert_eq!(request.headers()["user-agent"], "nightly/1");
}

#[test]
fn progress_is_reported() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let settings = build(builder().on_progress(move |position, length| {
        assert_eq!((position, length), (5, Some(9)));
        counter.fetch_add(1, Ordering::SeqCst);
    }));
    settings.hooks.observer().progress(5, Some(9));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn builder_passes_the_store() {
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

#[test]
fn blocking_callback_is_called_once_at_a_time() {
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel();
    let credentials = Credentials::from_fn(move || {
        entered.send(()).unwrap();
        may_leave.recv().map_err(TokenError::unavailable)?;
        Ok(AccessToken::new("t"))
    });
    let callback = build(builder().credentials(credentials)).token_fn.unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| callback.call());
        has_entered.recv().unwrap();
        let second = callback.call().unwrap_err();
        assert_eq!(second.to_string(), "the callback has not returned yet");
        leave.send(()).unwrap();
        assert_eq!(first.join().unwrap().unwrap().text(), "t");
    });
}

/// What is wrong with a client certificate, found when a config is made.
#[test]
fn invalid_client_certificate_is_explained_without_its_key() {
    let (certificate, key) = Authority::new("ours").issue("client", |_| {});
    let (chain, key) = (certificate.pem(), key.serialize_pem());
    let half = chain[..chain.len() / 2].to_owned();
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let error = |certificate: ClientCertificate| {
        let credentials = Credentials::client_at("https://login.example.com/t", "id", "s3cret");
        let builder = builder().credentials(credentials).client_certificate(certificate);
        let certificate = build(builder).certificate.unwrap();
        assert!(certificate.is_for(&"https://api.app.wdesk.com/a".parse().unwrap()));
        assert!(certificate.is_for(&"https://login.example.com/t".parse().unwrap()));
        assert!(!certificate.is_for(&"https://storage.example.com/a".parse().unwrap()));
        let tls = TlsOptions::new().with_ca_bundle(Authority::new("ours").bundle());
        let result = certificate.client_config(&tls);
        result.map(|_| "valid".into()).unwrap_or_else(|error| error.to_string())
    };
    let pem = |chain: &str, key: &str| error(ClientCertificate::pem(chain, key));
    assert_eq!(pem(&chain, &key), "valid");
    let both = format!("{key}{chain}");
    assert_eq!(pem(&both, &both), "valid");
    for (chain, key, reason) in [
        ("", &*key, "its chain given as text contains no certificate in PEM"),
        (&*half, &*key, "its chain given as text is not valid PEM"),
        (&*chain, "", "its key given as text contains no private key in PEM"),
        (
            &*chain,
            &*encrypted,
            "its key given as text is encrypted: decrypt it, with `openssl pkey` for example",
        ),
    ] {
        assert_eq!(pem(chain, key), format!("invalid client certificate: {reason}"));
    }
    let missing = error(ClientCertificate::files("/no/such/chain.pem", "/no/such/key.pem"));
    assert!(missing.contains("its chain /no/such/chain.pem cannot be read: "), "{missing}");
}
