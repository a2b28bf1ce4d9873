//! What is measured, as a child process is told of it and tells of it.

use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

pub(crate) const CLIENT: &str = "client";
pub(crate) const MIB: usize = 1 << 20;
/// What evenkeel's parts are by default. All contestants have the same.
pub(crate) const PART: usize = 8 * MIB;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Who {
    Sdk,
    ObjectStore,
    OpenDal,
    Evenkeel,
}

impl Who {
    pub(crate) const ALL: [Self; 4] = [Self::Sdk, Self::ObjectStore, Self::OpenDal, Self::Evenkeel];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sdk => "aws-sdk-s3",
            Self::ObjectStore => "object_store",
            Self::OpenDal => "OpenDAL",
            Self::Evenkeel => "evenkeel",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    /// The plain way: one GET. evenkeel's, as it is by default, has two parts under way.
    OneStream,
    /// Ranges of [`PART`], so many at a time, in order.
    Ranged(usize),
    /// Parts of [`PART`], so many at a time.
    Upload(usize),
    /// Many small objects: how long until the first bytes.
    FirstByte,
}

/// One child's work.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) who: Who,
    pub(crate) what: What,
    pub(crate) mib: usize,
}

/// What a child has measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) mib_s: f64,
    pub(crate) first_byte_ms: Option<f64>,
    pub(crate) peak_mib: f64,
    /// Of the client's process, per GiB: it does not depend on who else uses the machine.
    pub(crate) cpu_s: f64,
}

impl Task {
    /// In a process of its own, so that its peak of memory is its own.
    pub(crate) fn run(&self, url: &str) -> Sample {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([CLIENT, url, &serde_json::to_string(self).unwrap()])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "{self:?} failed");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Where the film of this size lies.
pub(crate) fn film(mib: usize) -> String {
    format!("film-{mib}")
}

/// Where the uploads go.
pub(crate) const UPLOADED: &str = "uploaded";
