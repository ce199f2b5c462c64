//! The state machine of an export in WebAssembly. `export.mjs` is its driver, with `fetch`.
//!
//! Values cross as JSON in one buffer: JavaScript writes an input to the memory at [`input`], calls a function that
//! returns the length of the answer, and reads that from [`output`].

use std::cell::RefCell;

use export_core::pacer::Pacer;
use export_core::session::{ClientState, Input, Session};
use export_core::token::TokenSource;
use export_core::workiva::{ApiVersion, DocumentExport, ExportSpec};
use export_core::{Config, ExportJob, Timestamp};
use serde::Deserialize;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static EXPORT: RefCell<Option<(ClientState, Session)>> = const { RefCell::new(None) };
}

/// What to export, and from where.
#[derive(Deserialize)]
struct Settings {
    base_url: String,
    client_id: String,
    client_secret: String,
    document: String,
}

/// Where JavaScript writes the next `length` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.resize(length, 0);
        buffer.as_mut_ptr()
    })
}

/// Where JavaScript reads the answer.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    BUFFER.with_borrow(|buffer| buffer.as_ptr())
}

/// Starts an export with the settings in the buffer. Answers with nothing, or with an error.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> usize {
    let started = BUFFER.with_borrow(|buffer| start_with(buffer));
    answer(match started {
        Ok(export) => {
            EXPORT.set(Some(export));
            String::new()
        }
        Err(error) => error,
    })
}

fn start_with(json: &[u8]) -> Result<(ClientState, Session), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let settings: Settings = serde_json::from_slice(json).map_err(|error| text(&error))?;
    let config = Config::new(&settings.base_url).map_err(|error| text(&error))?;
    let config = config.with_api_version(ApiVersion::V2026_01_01);
    let tokens =
        TokenSource::client_credentials(&settings.client_id, &settings.client_secret, &config);
    let spec = ExportSpec::document(settings.document, DocumentExport::pdf());
    let job = ExportJob::new(spec, &config).map_err(|error| text(&error))?;
    Ok((ClientState::new(tokens, Pacer::default()), Session::new(job)))
}

/// Takes the input in the buffer, at `now` in milliseconds since 1970, and answers with the next action.
#[unsafe(no_mangle)]
pub extern "C" fn next(now: f64) -> usize {
    let input = BUFFER.with_borrow(|buffer| serde_json::from_slice::<Input<'static>>(buffer));
    answer(match input {
        Ok(input) => step(now, input),
        Err(error) => misuse(&error),
    })
}

/// Takes the bytes in the buffer as the next chunk of the file: they need not be JSON.
#[unsafe(no_mangle)]
pub extern "C" fn chunk(now: f64) -> usize {
    let bytes = BUFFER.take();
    answer(step(now, Input::Chunk(bytes.into())))
}

/// Answers with the next event, or with nothing.
#[unsafe(no_mangle)]
pub extern "C" fn event() -> usize {
    let event = EXPORT.with_borrow_mut(|export| export.as_mut()?.1.next_event());
    answer(event.map(|event| json(&event)).unwrap_or_default())
}

fn step(now: f64, input: Input<'_>) -> String {
    EXPORT.with_borrow_mut(|export| {
        let Some((client, session)) = export else { return misuse(&"there is no export") };
        // A time that is no number, or is negative, is that of 1970.
        match session.next(Timestamp::from_millis(now as u64), client, input) {
            Ok(action) => json(&action),
            Err(error) => misuse(&error),
        }
    })
}

fn misuse(error: &dyn ToString) -> String {
    serde_json::json!({"action": "misuse", "message": error.to_string()}).to_string()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| misuse(&error))
}

fn answer(text: String) -> usize {
    let length = text.len();
    BUFFER.set(text.into_bytes());
    length
}
