//! `Content-Disposition`, in the response with the artifact.

use export_core::driver::{Reply, Step};
use export_core::token::Token;
use export_core::workiva::Region;
use export_core::{Config, ExportJob, Timestamp, safe_file_name};
use http::{HeaderValue, Response};

use crate::harness::assert_safe;

/// The bytes are the value of the header.
pub(crate) fn check(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut file = Response::new(());
    file.headers_mut().insert("content-disposition", value.clone());

    let config = Config::for_region(Region::Us);
    let mut job = ExportJob::attach("op1", &config).unwrap();
    let now = Timestamp::from_date(2026, 3, 1);
    let token = Token::fixed("token").unwrap();
    let completed = Response::new(());
    for head in [&completed, &file] {
        let Step::Transmit(transmit) = job.step(now) else { panic!("the job does not send") };
        let (_, in_flight) = transmit.start(now, Some(&token), 0);
        match in_flight.handle_head(now, head) {
            Reply::Collect(collect) => {
                collect.handle_body(now, br#"{"status":"completed","resourceUrl":"/f"}"#);
            }
            Reply::Stream(stream) => {
                let name = stream.artifact().file_name();
                assert_safe(name);
                assert_eq!(safe_file_name(name).as_deref(), Some(name), "{value:?}");
                // The default name, or a name from the header.
                let sent = data.iter().filter(|b| b.is_ascii_alphanumeric()).count();
                assert!(
                    name == "export" || sent > 0 || !name.is_ascii(),
                    "{name:?} from {value:?}"
                );
                stream.finish(now, 0);
            }
        }
    }
    assert!(matches!(job.step(now), Step::Done(Ok(_))), "the name ended the job: {value:?}");
}
