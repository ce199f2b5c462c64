//! The requests of an export: submit, poll, download.

use std::io;

use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::operations::{Operation, Outcome};
use super::route::{ExportKind, Generation};
use super::tokens::Grant;
use super::{RequestContext, Service, downloads, errors, media_type, schema};
use crate::config::{Content, Downloads};
use crate::documents::{self, Artifact};
use crate::{SimResponse, Timestamp};

impl Service {
    pub(super) fn submit(
        &mut self,
        call: &RequestContext,
        kind: ExportKind,
        generation: Generation,
        ids: &[String],
    ) -> SimResponse {
        let Some((_, grant)) = self.authorize(call) else { return errors::unauthorized() };
        let scope = kind.scope();
        if !grant.allows(scope) {
            return errors::missing_scope(scope);
        }
        let user = grant.user.clone();
        if !call.body.is_empty() && !is_json(&call.parts.headers) {
            return errors::wrong_media_type();
        }
        let request = match schema::parse(kind, ids, &call.body) {
            Ok(request) => request,
            Err(errors) => return errors::bad_request(&errors),
        };
        if let Content::Folder(folder) = &self.config.content
            && documents::find(folder, request.name(), request.extension()).is_none()
        {
            return errors::not_found(request.name());
        }
        let id = format!("{:016x}{:016x}", self.random.next(), self.random.next());
        let url = self.urls.operation(generation, &id);
        self.operations.insert(Operation {
            id,
            request,
            request_id: call.request_id.clone(),
            user,
            started: call.now,
            duration: self.config.completion.draw(&mut self.random),
            revision: 0,
            outcome: Outcome::Completed,
        });
        SimResponse::json(StatusCode::ACCEPTED, &json!({ "operationLocation": url }))
            .with_header(LOCATION, &url)
            .with_retry_after(self.config.submit_retry_after)
    }

    pub(super) fn operation(&mut self, call: &RequestContext, id: &str) -> SimResponse {
        let Some((token, _)) = self.tokens.authorize(call.now, &call.parts.headers) else {
            return errors::unauthorized();
        };
        if let Err(wait) = self.operations.admit(call.now, token, self.config.operations_rate) {
            let message = "too many requests for operations";
            return errors::refuse(StatusCode::TOO_MANY_REQUESTS, message)
                .with_retry_after(Some(wait));
        }
        let Some(operation) = self.operations.get(id) else {
            return errors::not_found("the operation");
        };
        let resource = || match self.config.downloads {
            Downloads::ApiHost | Downloads::Redirect(_) => self.urls.download(id),
            Downloads::Signed => self.signed_url(id, call.signed_until).unwrap_or_default(),
        };
        SimResponse::json(StatusCode::OK, &operation.to_json(call.now, resource))
            .with_retry_after(self.config.poll_retry_after)
    }

    pub(super) fn download(&self, call: &RequestContext, id: &str) -> SimResponse {
        if self.authorize(call).is_none() {
            return errors::unauthorized();
        }
        let Some(artifact) = self.finished(id, call.now) else {
            return errors::not_found("the exported file");
        };
        if let Downloads::Redirect(status) = self.config.downloads
            && let Some(url) = self.signed_url(id, call.signed_until)
        {
            let status = StatusCode::from_u16(status).ok().filter(StatusCode::is_redirection);
            return SimResponse::new(status.unwrap_or(StatusCode::FOUND))
                .with_header(LOCATION, &url);
        }
        downloads::serve(&artifact, &call.parts.headers, self.config.framing)
    }

    /// Serves a file from the storage origin, which checks the signature of the URL and accepts no token.
    pub(super) fn stored(&self, call: &RequestContext, id: &str) -> SimResponse {
        if call.parts.headers.contains_key(AUTHORIZATION) {
            let message = "Only one auth mechanism allowed: the URL is signed.";
            return errors::storage(StatusCode::BAD_REQUEST, "InvalidArgument", message);
        }
        if !self.urls.is_valid(id, call.parts.uri.query().unwrap_or_default(), call.now) {
            let message = "The request has expired or its signature is wrong.";
            return errors::storage(StatusCode::FORBIDDEN, "AccessDenied", message);
        }
        match self.finished(id, call.now) {
            Some(artifact) => downloads::serve(&artifact, &call.parts.headers, self.config.framing),
            None => errors::no_such_key(),
        }
    }

    pub(super) fn artifact(&self, operation: &Operation) -> io::Result<Artifact> {
        let name = self.config.file_name.as_deref();
        documents::create(&self.config.content, &operation.request, name, operation.revision)
    }

    /// A signed URL at the storage origin for the file of an operation.
    pub(super) fn signed_url(&self, id: &str, expires: Timestamp) -> Option<String> {
        let operation = self.operations.get(id)?;
        let extension = operation.request.format().extension();
        let name = self.config.file_name.as_deref().unwrap_or_else(|| operation.request.name());
        Some(self.urls.signed(id, &format!("{name}.{extension}"), expires))
    }

    fn authorize<'a>(&'a self, call: &'a RequestContext) -> Option<(&'a str, &'a Grant)> {
        self.tokens.authorize(call.now, &call.parts.headers)
    }

    /// The file of an operation, if the operation is completed and the file can be read.
    fn finished(&self, id: &str, now: Timestamp) -> Option<Artifact> {
        let operation = self.operations.get(id)?;
        if operation.status(now) != "completed" {
            return None;
        }
        self.artifact(operation).ok()
    }
}

impl ExportKind {
    /// The scope that a token needs to start an export of this kind.
    fn scope(self) -> &'static str {
        match self {
            Self::File | Self::FileWithoutId => "file:write",
            Self::Document | Self::Presentation | Self::Spreadsheet | Self::StyleGuide => {
                "file:read"
            }
            Self::Attachment | Self::Original | Self::Report | Self::TestForm => "graph:read",
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).as_deref() == Some("application/json")
}
