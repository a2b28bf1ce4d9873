//! An OpenDAL service that reads one object from wherever it is told.

use opendal::{
    Buffer, Builder, BytesRange, Capability, Error, ErrorKind, MetadataBuilder, OperationContext, Operator, Result,
    raw::{
        OpCopy, OpCreateDir, OpList, OpPresign, OpRead, OpRename, OpStat, OpWrite, RpCreateDir, RpPresign, RpRead,
        RpRename, RpStat, Service, ServiceInfo, oio,
    },
};
use std::{fmt, future::Future};

/// Whoever is below OpenDAL.
pub(crate) trait Answers: Clone + fmt::Debug + Send + Sync + Unpin + 'static {
    type Error: std::error::Error + Send + Sync + 'static;

    fn answer(&self) -> impl Future<Output = std::result::Result<(), Self::Error>> + Send;
}

/// An operator as its users make it, with OpenDAL's own layers.
pub(crate) fn operator(source: impl Answers) -> Operator {
    Operator::new(Made(Some(Source(source)))).unwrap()
}

struct Made<A>(Option<Source<A>>);

impl<A> Default for Made<A> {
    fn default() -> Self {
        Self(None)
    }
}

impl<A: Answers> Builder for Made<A> {
    type Config = ();

    fn build(self) -> Result<impl Service> {
        self.0
            .ok_or_else(|| Error::new(ErrorKind::ConfigInvalid, "there is no default source"))
    }
}

#[derive(Clone, Debug)]
struct Source<A>(A);

const SIZE: u64 = 1_024;
static OBJECT: [u8; SIZE as usize] = [0; SIZE as usize];

impl<A: Answers> Source<A> {
    async fn object(&self) -> Result<(RpRead, Buffer)> {
        let answered = self.0.answer().await;
        answered.map_err(|error| {
            Error::new(ErrorKind::Unexpected, "the store failed")
                .set_source(error)
                .set_temporary()
        })?;
        let metadata = MetadataBuilder::file(SIZE).build();
        Ok((RpRead::new(metadata), Buffer::from(&OBJECT[..])))
    }
}

impl<A: Answers> oio::Read for Source<A> {
    async fn open(&self, _: BytesRange) -> Result<(RpRead, Box<dyn oio::ReadStreamDyn>)> {
        let (answer, object) = self.object().await?;
        Ok((answer, Box::new(object)))
    }

    async fn read(&self, _: BytesRange) -> Result<(RpRead, Buffer)> {
        self.object().await
    }
}

fn unsupported<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, "only reads are measured"))
}

impl<A: Answers> Service for Source<A> {
    type Reader = Self;
    type Writer = ();
    type Lister = ();
    type Deleter = ();
    type Copier = ();
    type Composer = ();

    fn info(&self) -> ServiceInfo {
        ServiceInfo::with_scheme("peers")
    }

    fn capability(&self) -> Capability {
        Capability {
            read: true,
            stat: true,
            ..Capability::default()
        }
    }

    async fn create_dir(&self, _: &OperationContext, _: &str, _: OpCreateDir) -> Result<RpCreateDir> {
        unsupported()
    }

    async fn stat(&self, _: &OperationContext, _: &str, _: OpStat) -> Result<RpStat> {
        Ok(RpStat::new(MetadataBuilder::file(SIZE).build()))
    }

    fn read(&self, _: &OperationContext, _: &str, _: OpRead) -> Result<Self::Reader> {
        Ok(self.clone())
    }

    fn write(&self, _: &OperationContext, _: &str, _: OpWrite) -> Result<()> {
        unsupported()
    }

    fn delete(&self, _: &OperationContext) -> Result<()> {
        unsupported()
    }

    fn list(&self, _: &OperationContext, _: &str, _: OpList) -> Result<()> {
        unsupported()
    }

    fn copy(&self, _: &OperationContext, _: &str, _: &str, _: OpCopy) -> Result<()> {
        unsupported()
    }

    async fn rename(&self, _: &OperationContext, _: &str, _: &str, _: OpRename) -> Result<RpRename> {
        unsupported()
    }

    async fn presign(&self, _: &OperationContext, _: &str, _: OpPresign) -> Result<RpPresign> {
        unsupported()
    }
}
