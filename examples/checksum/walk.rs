//! Which files lie below the paths of the command line.
//!
//! A path named by the user is read whatever it is: a file, a link, a pipe. Below a folder only
//! regular files count, and links to them, as `sha256sum` would read them. Links to folders are not
//! followed, so that the walk ends. A link that leads nowhere is an error.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::{fs, io, iter};

use walkdir::{DirEntry, WalkDir};

use crate::digest::STDIN;

/// A file or folder that the walk could not look at.
#[derive(Debug, thiserror::Error)]
#[error("{path:?}: {source}")]
pub(crate) struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// The files below `roots`: root by root, in each by the bytes of their paths. Holds the names of
/// one folder per level, not of the tree.
pub(crate) fn files(roots: Vec<OsString>) -> impl Iterator<Item = Result<OsString, Unreadable>> {
    roots
        .into_iter()
        .flat_map(|root| -> Box<dyn Iterator<Item = _>> {
            if root == STDIN {
                return Box::new(iter::once(Ok(root)));
            }
            let entries = WalkDir::new(root).sort_by(by_path).into_iter();
            Box::new(entries.filter_map(|entry| match entry {
                Ok(entry) => file(entry).transpose(),
                Err(error) => Some(Err(unreadable(error))),
            }))
        })
}

/// How many bytes those files have together, as far as they can be looked at.
pub(crate) fn total_bytes(roots: Vec<OsString>) -> u64 {
    files(roots)
        .flatten()
        .take_while(|_| !crate::interrupt::raised())
        .filter_map(|path| fs::metadata(path).ok())
        .map(|metadata| metadata.len())
        .sum()
}

/// The path of an entry, if it is one to read.
fn file(entry: DirEntry) -> Result<Option<OsString>, Unreadable> {
    let wanted = if entry.depth() == 0 {
        !entry.path().is_dir()
    } else if entry.path_is_symlink() {
        let target = fs::metadata(entry.path());
        target
            .map_err(|source| Unreadable {
                path: entry.path().into(),
                source,
            })?
            .is_file()
    } else {
        entry.file_type().is_file()
    };
    Ok(wanted.then(|| entry.into_path().into_os_string()))
}

fn unreadable(error: walkdir::Error) -> Unreadable {
    let path = error.path().map_or_else(PathBuf::new, PathBuf::from);
    let message = error.to_string();
    // The bare error of the system says no path, as this type does. Only loops of links have none.
    let source = error
        .into_io_error()
        .unwrap_or_else(|| io::Error::other(message));
    Unreadable { path, source }
}

/// Orders the entries of one folder as their paths, and all paths below them, are ordered: `a-b`,
/// `a/b`, `a0`, where plain names would give `a`, `a-b`, `a0`.
fn by_path(a: &DirEntry, b: &DirEntry) -> Ordering {
    fn key(name: &OsStr, is_dir: bool) -> impl Iterator<Item = u8> {
        name.as_encoded_bytes()
            .iter()
            .copied()
            .chain(iter::repeat_n(b'/', is_dir.into()))
    }
    key(a.file_name(), a.file_type().is_dir()).cmp(key(b.file_name(), b.file_type().is_dir()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A folder under the system's temporary one that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("checksum-walk-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn file(&self, path: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }

        fn walk(&self) -> Vec<Result<String, String>> {
            let relative = |path: &Path| {
                path.strip_prefix(&self.0)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            };
            let found = files(vec![self.0.clone().into()]);
            found
                .map(|found| {
                    found
                        .map(|path| relative(path.as_ref()))
                        .map_err(|error| relative(&error.path))
                })
                .collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn paths_come_in_byte_order() {
        let folder = Folder::new("order");
        for path in ["a0", "a/z/1", "b", "a-b", "a/b", "a.b", "A"] {
            folder.file(path);
        }
        let paths: Vec<_> = folder.walk().into_iter().map(Result::unwrap).collect();
        assert_eq!(paths, ["A", "a-b", "a.b", "a/b", "a/z/1", "a0", "b"]);
        assert!(paths.is_sorted());
        assert_eq!(total_bytes(vec![folder.0.clone().into()]), 7 * 4);
    }

    #[cfg(unix)]
    #[test]
    fn links_to_files_are_read_links_to_folders_are_not_and_broken_ones_are_errors() {
        use std::os::unix::fs::symlink;

        let folder = Folder::new("links");
        folder.file("folder/file");
        symlink("folder/file", folder.0.join("good")).unwrap();
        symlink("nowhere", folder.0.join("broken")).unwrap();
        symlink("..", folder.0.join("folder/up")).unwrap();
        assert_eq!(
            folder.walk(),
            [
                Err("broken".into()),
                Ok("folder/file".into()),
                Ok("good".into())
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_named_by_the_user_is_followed() {
        let folder = Folder::new("root");
        folder.file("folder/file");
        let link = folder.0.join("link");
        std::os::unix::fs::symlink("folder", &link).unwrap();
        let paths: Vec<_> = files(vec![link.clone().into()])
            .map(Result::unwrap)
            .collect();
        assert_eq!(paths, [link.join("file")]);
    }

    #[test]
    fn a_root_that_does_not_exist_is_an_error_and_the_next_one_is_walked() {
        let folder = Folder::new("missing");
        folder.file("file");
        let found: Vec<_> = files(vec![
            folder.0.join("none").into(),
            folder.0.join("file").into(),
        ])
        .collect();
        assert!(
            matches!(&found[..], [Err(e), Ok(_)] if e.source.kind() == io::ErrorKind::NotFound)
        );
    }
}
