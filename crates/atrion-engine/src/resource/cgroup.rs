// SPDX-License-Identifier: Apache-2.0
//! Which directories have the limits of this process: its cgroup's of a controller, and those above
//! it, which limit it as well.

use std::io;
use std::path::{Path, PathBuf};

use super::{Host, unlimited};

/// Whose file names the directories have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// The cgroup's directory first, the mount point last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cgroup {
    pub(super) version: Version,
    pub(super) directories: Vec<PathBuf>,
}

impl Cgroup {
    /// That of one controller. A controller that is mounted by itself is version 1's, whatever else
    /// there is.
    pub(super) fn find(host: &Host, controller: &str) -> io::Result<Self> {
        let (own, mounts) = (host.read("/proc/self/cgroup")?, host.read("/proc/self/mountinfo")?);
        let found = |version| {
            let path = path_of(&own, version, controller)?;
            let (root, point) = mount_of(&mounts, version, controller)?;
            Some(Self { version, directories: directories(&path, &root, &point) })
        };
        found(Version::V1)
            .or_else(|| found(Version::V2))
            .ok_or_else(|| unlimited(&format!("no cgroup has the controller `{controller}`")))
    }
}

/// The cgroup's path: of `/proc/self/cgroup`, lines `id:controllers:path`.
fn path_of(own: &str, version: Version, controller: &str) -> Option<PathBuf> {
    own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let is_it = match version {
            Version::V1 => controllers.split(',').any(|one| one == controller),
            Version::V2 => id == "0" && controllers.is_empty(),
        };
        is_it.then(|| PathBuf::from(path))
    })
}

/// Which part of the hierarchy is mounted, and where: of `/proc/self/mountinfo`.
fn mount_of(mounts: &str, version: Version, controller: &str) -> Option<(PathBuf, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let (name, options) = (kind.next()?, kind.nth(1)?);
        let is_it = match version {
            Version::V1 => name == "cgroup" && options.split(',').any(|one| one == controller),
            Version::V2 => name == "cgroup2",
        };
        is_it.then(|| (PathBuf::from(root), PathBuf::from(point)))
    })
}

/// From the cgroup up to the mount point. In a container the path may be the host's, and what is
/// mounted the cgroup itself.
fn directories(path: &Path, root: &Path, point: &Path) -> Vec<PathBuf> {
    let below = path.strip_prefix(root).unwrap_or(Path::new(""));
    below.ancestors().map(|part| point.join(part)).collect()
}
