//! A bucket, and what is asked of it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use object_store::multipart::MultipartStore;
use object_store::path::Path as ObjectPath;
use object_store::{
    Attribute, Attributes, GetOptions, MultipartUpload, ObjectStore, PutMode, PutMultipartOptions,
    PutOptions, PutPayload,
};

use super::depot::Begun;
use super::parts::ById;
use super::transport::ask;
use super::trouble::Trouble;
use crate::receipt::Receipt;

/// A bucket. Clones share its connections and credentials.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The same, where uploads in parts have an id by which another process can take them back.
    pub(super) by_id: Option<Arc<dyn MultipartStore>>,
    /// The same, where an upload can be completed on condition that there is no such object.
    pub(super) by_id_if_new: Option<Arc<dyn MultipartStore>>,
}

/// What becomes of an object that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Replacing,
    /// The new one is refused, by the store itself where it can.
    IfNew,
}

/// An object that is there.
#[derive(Debug)]
pub(super) struct Found {
    length: u64,
    attributes: Attributes,
}

/// An upload in parts, and its id if it has one.
pub(super) type Uploading = (Box<dyn MultipartUpload>, Option<Begun>);

impl Bucket {
    /// Looks for an object.
    pub(super) async fn find(&self, key: &str) -> Result<Option<Found>, Trouble> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match ask(self.store.get_opts(&path(key)?, options)).await {
            Ok(found) => {
                let (length, attributes) = (found.meta.size, found.attributes);
                Ok(Some(Found { length, attributes }))
            }
            Err(trouble) if trouble.is_missing() => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Puts an object there in one request: whole or not at all.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        attributes: Attributes,
        put: Put,
    ) -> Result<(), Trouble> {
        let mode = match put {
            Put::Replacing => PutMode::Overwrite,
            Put::IfNew => PutMode::Create,
        };
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        ask(self.store.put_opts(&path(key)?, in_pieces(&bytes), options)).await.map(drop)
    }

    /// Begins an upload in parts.
    ///
    /// It is not `async`, so that whoever stops waiting can let it go on elsewhere.
    pub(super) fn begin(
        &self,
        key: &str,
        attributes: Attributes,
        put: Put,
    ) -> impl Future<Output = Result<Uploading, Trouble>> + Send + 'static {
        let (bucket, key) = (self.clone(), key.to_owned());
        async move {
            let path = path(&key)?;
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            let Some(store) = bucket.by_id else {
                let upload = ask(bucket.store.put_multipart_opts(&path, options)).await?;
                return Ok((upload, None));
            };
            let id = ask(store.create_multipart_opts(&path, options)).await?;
            let complete = match (put, bucket.by_id_if_new) {
                (Put::IfNew, Some(if_new)) => if_new,
                _ => Arc::clone(&store),
            };
            let upload = ById::new(store, complete, path, id.clone());
            Ok((Box::new(upload) as _, Some(Begun { key, id })))
        }
    }

    /// Whether the store itself sees to it that an upload in parts replaces nothing.
    pub(super) const fn guards(&self) -> bool {
        self.by_id_if_new.is_some()
    }

    /// Takes back an upload that another process began. It is no error if it is gone.
    pub(super) async fn take_back(&self, begun: &Begun) -> Result<(), Trouble> {
        let Some(store) = &self.by_id else { return Ok(()) };
        match ask(store.abort_multipart(&path(&begun.key)?, &begun.id)).await {
            Err(trouble) if !trouble.is_missing() => Err(trouble),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl Found {
    /// Whether this is the file of the receipt: an answer that was lost, or a process that was
    /// killed, may have left it there.
    pub(super) fn is_of(&self, receipt: &Receipt) -> bool {
        let ours = attributes_of(receipt);
        let same = |name: &'static str| {
            let name = Attribute::Metadata(name.into());
            let value = self.attributes.get(&name);
            value.is_some() && value == ours.get(&name)
        };
        self.length == receipt.bytes && same("sha256") && same("operation")
    }
}

/// The longest value in an object's metadata: all of them together have 2 KiB in S3.
const LONGEST_VALUE: usize = 256;

/// What is told of an object with it: its type, and the receipt as far as it is short.
pub(super) fn attributes_of(receipt: &Receipt) -> Attributes {
    let mut attributes = Attributes::new();
    if let Some(media_type) = &receipt.media_type {
        attributes.insert(Attribute::ContentType, media_type.clone().into());
    }
    let number = |number: u64| Some(number.to_string());
    for (name, value) in [
        ("sha256", Some(receipt.sha256.clone())),
        ("bytes", number(receipt.bytes)),
        ("operation", Some(receipt.operation.clone())),
        // Names are one word each: Azure takes no hyphens, and some proxies no underscores.
        ("originalrequest", receipt.original_request.clone()),
        ("created", receipt.created.clone()),
        ("updated", receipt.updated.clone()),
        ("submits", number(receipt.submits.into())),
        ("wexport", Some(receipt.wexport.clone())),
    ] {
        // They travel as headers.
        let legal = |value: &String| {
            value.len() <= LONGEST_VALUE && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        if let Some(value) = value.filter(legal) {
            attributes.insert(Attribute::Metadata(name.into()), value.into());
        }
    }
    attributes
}

/// How much of a body is handed on at once: where it stops is seen by that.
const PIECE: usize = 65_536;

/// A body that is sent piece by piece.
pub(super) fn in_pieces(bytes: &Bytes) -> PutPayload {
    let starts = (0..bytes.len()).step_by(PIECE);
    starts.map(|start| bytes.slice(start..bytes.len().min(start + PIECE))).collect()
}

fn path(key: &str) -> Result<ObjectPath, Trouble> {
    ObjectPath::parse(key).map_err(|error| Trouble::Other(error.to_string()))
}
