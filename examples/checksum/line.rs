//! The lines of a checksum list, as GNU coreutils (9 and later) writes and reads them.
//!
//! `HEX  PATH`, in bytes. A path with a backslash, a newline or a carriage return has these written
//! as `\\`, `\n` and `\r`, and its line begins with a backslash to say so.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};

use crate::digest::Digest;

const ESCAPES: [(u8, u8); 3] = [(b'\\', b'\\'), (b'\n', b'n'), (b'\r', b'r')];

/// What one line of a list says.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// What the digest of the file shall be.
    pub(crate) digest: Digest,
    /// The file.
    pub(crate) path: OsString,
}

/// The line for a file, with its newline.
pub(crate) fn format(digest: &Digest, path: &OsStr) -> Vec<u8> {
    let (mark, name) = escape(path);
    [mark, hex(digest).as_bytes(), b"  ", &*name, b"\n"].concat()
}

/// What `--check` prints for a file, with its newline.
pub(crate) fn verdict(path: &OsStr, verdict: &str) -> Vec<u8> {
    let (mark, name) = escape(path);
    [mark, &*name, b": ", verdict.as_bytes(), b"\n"].concat()
}

/// Reads a line without its newline; `None` if it is none of a list.
pub(crate) fn parse(line: &[u8]) -> Option<Entry> {
    let (escaped, line) = match line.strip_prefix(b"\\") {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (digest, rest) = line.split_at_checked(2 * size_of::<Digest>())?;
    // The second byte says text or binary, which is the same to everybody but a few old systems.
    let ([b' ', b' ' | b'*'], name) = rest.split_at_checked(2)? else {
        return None;
    };
    let name = if escaped {
        unescape(name)?
    } else {
        name.to_vec()
    };
    if name.is_empty() {
        return None;
    }
    Some(Entry {
        digest: unhex(digest)?,
        path: os_string(name)?,
    })
}

/// 64 lower case digits.
pub(crate) fn hex(digest: &Digest) -> String {
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn unhex(digits: &[u8]) -> Option<Digest> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let mut digest = Digest::default();
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(digest)
}

/// The mark at the beginning of the line, and the name as it is written there.
fn escape(path: &OsStr) -> (&'static [u8], Cow<'_, [u8]>) {
    let letter = |byte: u8| {
        ESCAPES
            .iter()
            .find(|(raw, _)| *raw == byte)
            .map(|(_, letter)| *letter)
    };
    let name = path.as_encoded_bytes();
    if !name.iter().any(|&byte| letter(byte).is_some()) {
        return (b"", name.into());
    }
    let mut escaped = Vec::with_capacity(name.len() + 8);
    for &byte in name {
        match letter(byte) {
            Some(letter) => escaped.extend([b'\\', letter]),
            None => escaped.push(byte),
        }
    }
    (b"\\", escaped.into())
}

fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = name.iter().copied();
    let mut raw = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        raw.push(match byte {
            b'\\' => {
                let letter = bytes.next()?;
                ESCAPES.iter().find(|(_, known)| *known == letter)?.0
            }
            byte => byte,
        });
    }
    Some(raw)
}

/// On Unix any bytes are a name.
#[cfg(unix)]
fn os_string(name: Vec<u8>) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(name))
}

#[cfg(not(unix))]
fn os_string(name: Vec<u8>) -> Option<OsString> {
    String::from_utf8(name).ok().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn digest() -> Digest {
        unhex(HEX.as_bytes()).unwrap()
    }

    fn parsed(line: &str) -> Option<String> {
        parse(line.as_bytes()).map(|entry| {
            assert_eq!(entry.digest, digest());
            entry.path.into_string().unwrap()
        })
    }

    #[test]
    fn a_plain_name_is_written_as_it_is() {
        assert_eq!(
            format(&digest(), "a b".as_ref()),
            format!("{HEX}  a b\n").into_bytes()
        );
        assert_eq!(verdict("a b".as_ref(), "OK"), b"a b: OK\n");
    }

    #[test]
    fn an_odd_name_is_escaped_and_its_line_is_marked() {
        let odd = OsStr::new("a\\b\nc\rd");
        assert_eq!(
            format(&digest(), odd),
            format!("\\{HEX}  a\\\\b\\nc\\rd\n").into_bytes()
        );
        assert_eq!(verdict(odd, "FAILED"), b"\\a\\\\b\\nc\\rd: FAILED\n");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut names: Vec<OsString> = ["a", " a ", "\\", "\\n", "\n\n", "*", "\r"]
            .map(OsString::from)
            .into();
        names.extend(os_string(vec![b'a', 0xff, 0xc3, b'\n']));
        for path in names {
            let line = format(&digest(), &path);
            let line = line.strip_suffix(b"\n").unwrap();
            assert_eq!(
                parse(line),
                Some(Entry {
                    digest: digest(),
                    path
                })
            );
        }
    }

    #[test]
    fn other_spellings_of_a_line() {
        assert_eq!(parsed(&format!("{HEX} *a")), Some("a".into()));
        assert_eq!(
            parsed(&format!("{}  a", HEX.to_uppercase())),
            Some("a".into())
        );
        // No mark, so the backslash is part of the name.
        assert_eq!(parsed(&format!("{HEX}  a\\n")), Some("a\\n".into()));
    }

    #[test]
    fn lines_of_something_else() {
        let short = &HEX[1..];
        let not_hex = HEX.replace('e', "g");
        for line in [
            "",
            "\\",
            HEX,
            &format!("{HEX} "),
            &format!("{HEX}  "),
            &format!("{HEX} a"),
            &format!("{HEX}\ta"),
            &format!("{short}  a"),
            &format!("{not_hex}  a"),
            &format!("\\{HEX}  a\\"),
            &format!("\\{HEX}  a\\t"),
        ] {
            assert_eq!(parsed(line), None, "{line:?}");
        }
    }
}
