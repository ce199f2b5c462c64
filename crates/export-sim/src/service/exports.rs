//! The life of an export: submitted, asked for, fetched.

use std::io;

use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::operations::{Fate, Operation};
use super::route::{Family, Generation};
use super::tokens::Grant;
use super::{Call, Service, downloads, errors, media_type, schema};
use crate::config::{Content, Downloads};
use crate::documents::{self, Artifact};
use crate::{Answer, Timestamp};

impl Service {
    pub(super) fn submit(
        &mut self,
        call: &Call,
        family: Family,
        generation: Generation,
        ids: &[String],
    ) -> Answer {
        let Some((_, grant)) = self.authorize(call) else { return errors::unauthorized() };
        let scope = family.scope();
        if !grant.allows(scope) {
            return errors::missing_scope(scope);
        }
        let user = grant.user.clone();
        if !call.body.is_empty() && !is_json(&call.parts.headers) {
            return errors::wrong_media_type();
        }
        let order = match schema::read(family, ids, &call.body) {
            Ok(order) => order,
            Err(complaints) => return errors::bad_request(&complaints),
        };
        if let Content::Folder(folder) = &self.config.content
            && documents::find(folder, order.name(), order.extension()).is_none()
        {
            return errors::not_found(order.name());
        }
        let id = format!("{:016x}{:016x}", self.random.next(), self.random.next());
        let url = self.urls.operation(generation, &id);
        self.operations.insert(Operation {
            id,
            order,
            request_id: call.request_id.clone(),
            user,
            started: call.now,
            takes: self.config.completion.draw(&mut self.random),
            edition: 0,
            fate: Fate::Completes,
        });
        Answer::json(StatusCode::ACCEPTED, &json!({ "operationLocation": url }))
            .with_header(LOCATION, &url)
            .with_retry_after(self.config.submit_retry_after)
    }

    pub(super) fn operation(&mut self, call: &Call, id: &str) -> Answer {
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
        Answer::json(StatusCode::OK, &operation.to_json(call.now, resource))
            .with_retry_after(self.config.poll_retry_after)
    }

    pub(super) fn download(&self, call: &Call, id: &str) -> Answer {
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
            return Answer::new(status.unwrap_or(StatusCode::FOUND)).with_header(LOCATION, &url);
        }
        downloads::serve(&artifact, &call.parts.headers, self.config.framing)
    }

    /// The storage origin knows nothing of tokens: the URL alone opens the file.
    pub(super) fn stored(&self, call: &Call, id: &str) -> Answer {
        if call.parts.headers.contains_key(AUTHORIZATION) {
            let message = "Only one auth mechanism allowed: the URL is signed.";
            return errors::storage(StatusCode::BAD_REQUEST, "InvalidArgument", message);
        }
        if !self.urls.opens(id, call.parts.uri.query().unwrap_or_default(), call.now) {
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
        documents::make(&self.config.content, &operation.order, name, operation.edition)
    }

    /// A URL at the storage origin for the file of an operation.
    pub(super) fn signed_url(&self, id: &str, expires: Timestamp) -> Option<String> {
        let operation = self.operations.get(id)?;
        let extension = operation.order.format().extension();
        let name = self.config.file_name.as_deref().unwrap_or_else(|| operation.order.name());
        Some(self.urls.signed(id, &format!("{name}.{extension}"), expires))
    }

    fn authorize<'a>(&'a self, call: &'a Call) -> Option<(&'a str, &'a Grant)> {
        self.tokens.authorize(call.now, &call.parts.headers)
    }

    /// The file of an operation that is completed, if it can be read.
    fn finished(&self, id: &str, now: Timestamp) -> Option<Artifact> {
        let operation = self.operations.get(id)?;
        if operation.status(now) != "completed" {
            return None;
        }
        self.artifact(operation).ok()
    }
}

impl Family {
    /// The scope that a token needs to start such an export.
    fn scope(self) -> &'static str {
        match self {
            Self::File | Self::FileWithoutId => "file:write",
            Self::Document | Self::Presentation | Self::Spreadsheet | Self::StyleGuide => {
                "file:read"
            }
            Self::Attachment | Self::Report | Self::TestForm => "graph:read",
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).as_deref() == Some("application/json")
}
