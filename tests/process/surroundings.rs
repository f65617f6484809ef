//! P8: what a worker is given of its parent, and what it can do to it.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{Read, Write},
    os::fd::AsRawFd,
    process::{self, Command, Stdio},
};

use concurrent_futures::{ChildOutput, ProcessPoolExecutor};

use crate::help::{Folder, again, alone, one, one_with, output_of, pid_of, role, tell, told};

fn descriptors(_: ()) -> Vec<(i32, String)> {
    let listed: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().flatten().collect();
    listed
        .into_iter()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            // The listing itself is closed by now.
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                target.to_str()?.to_owned(),
            ))
        })
        .filter(|(_, target)| !target.contains("/fd"))
        .collect()
}

// contract: P8
#[test]
fn a_worker_has_its_channel_and_the_three_streams_and_nothing_else() {
    alone(|| {
        let folder = Folder::new();
        let secret = fs::File::create(folder.path().join("secret")).unwrap();
        // SAFETY: it only makes the descriptor inheritable.
        let cleared = unsafe { libc::fcntl(secret.as_raw_fd(), libc::F_SETFD, 0) };
        assert_eq!(cleared, 0);
        // SAFETY: a copy, inheritable too, far up.
        let far = unsafe { libc::fcntl(secret.as_raw_fd(), libc::F_DUPFD, 500) };
        assert!(far >= 500);
        let pool = ProcessPoolExecutor::new(2).unwrap();
        for _ in 0..2 {
            let open = pool.submit(descriptors, ()).unwrap().result().unwrap();
            assert!(
                open.iter().all(|(_, target)| !target.contains("secret")),
                "{open:?}"
            );
            let numbers: BTreeSet<_> = open.iter().map(|(number, _)| *number).collect();
            assert!([0, 1, 2].iter().all(|n| numbers.contains(n)), "{open:?}");
            // The channel, and what the worker opened to live by: no file.
            let others = open.iter().filter(|(number, _)| *number > 2);
            assert!(
                others
                    .clone()
                    .all(|(_, target)| !target.starts_with('/') || target.starts_with("/memfd:")),
                "{open:?}"
            );
            assert!(others.count() <= 4, "{open:?}");
        }
        // SAFETY: it is this test's own.
        unsafe { libc::close(far) };
    });
}

fn read_stdin(_: ()) -> Vec<u8> {
    let mut read = Vec::new();
    std::io::stdin().read_to_end(&mut read).unwrap();
    read
}

// contract: P8
#[test]
fn standard_input_is_empty() {
    alone(|| {
        let pool = one();
        for _ in 0..2 {
            assert_eq!(pool.submit(read_stdin, ()).unwrap().result().unwrap(), b"");
        }
    });
}

fn print_all((text, times): (String, usize)) -> u32 {
    for _ in 0..times {
        println!("{text}");
        eprintln!("{text}");
        for descriptor in 0..=2 {
            // SAFETY: the bytes are there.
            unsafe { libc::write(descriptor, text.as_ptr().cast(), text.len()) };
        }
    }
    std::io::stdout().flush().unwrap();
    process::id()
}

// contract: P8
#[test]
fn printing_anything_disturbs_nothing() {
    alone(|| {
        let folder = Folder::new();
        let (out, err) = (folder.path().join("out"), folder.path().join("err"));
        let pool = one_with()
            .stdout(ChildOutput::Append(out.clone()))
            .stderr(ChildOutput::Append(err.clone()))
            .build()
            .unwrap();
        let bytes: String = (0..=255_u8).cycle().take(5000).map(char::from).collect();
        for text in ["plain".to_owned(), "\0\0\0\0\0\0\0\u{1}".repeat(100), bytes] {
            let calls: Vec<_> = (0..20)
                .map(|_| pool.submit(print_all, (text.clone(), 5)).unwrap())
                .collect();
            for call in calls {
                call.result().unwrap();
            }
            pid_of(&pool);
        }
        drop(pool);
        for file in [out, err] {
            let printed = fs::read(file).unwrap();
            assert!(printed.starts_with(b"plain"));
            assert!(printed.len() > 2 * 5000 * 100);
        }
    });
}

// contract: P8
#[test]
fn output_is_appended_or_discarded_as_was_chosen() {
    alone(|| {
        let folder = Folder::new();
        let both = folder.path().join("both");
        fs::write(&both, "before\n").unwrap();
        let pool = one_with()
            .stdout(ChildOutput::Append(both.clone()))
            .stderr(ChildOutput::Append(both.clone()))
            .max_tasks_per_child(1)
            .build()
            .unwrap();
        for n in 0..3 {
            pool.submit(|n: u32| println!("out {n}"), n)
                .unwrap()
                .result()
                .unwrap();
            pool.submit(|n: u32| eprintln!("err {n}"), n)
                .unwrap()
                .result()
                .unwrap();
        }
        // What is printed without an end of line is there when the worker is gone.
        pool.submit(|()| print!("the last"), ())
            .unwrap()
            .result()
            .unwrap();
        drop(pool);
        let printed = fs::read_to_string(&both).unwrap();
        assert_eq!(
            printed,
            "before\nout 0\nerr 0\nout 1\nerr 1\nout 2\nerr 2\nthe last"
        );
        let pool = one_with()
            .stdout(ChildOutput::Discard)
            .stderr(ChildOutput::Discard)
            .build()
            .unwrap();
        pool.submit(print_all, ("never seen".to_owned(), 10))
            .unwrap()
            .result()
            .unwrap();
        let targets = pool.submit(descriptors, ()).unwrap().result().unwrap();
        assert!(
            targets
                .iter()
                .filter(|(n, _)| *n <= 2)
                .all(|(_, target)| target == "/dev/null"),
            "{targets:?}"
        );
    });
}

// contract: P8
#[test]
fn output_goes_where_the_parent_prints_by_default() {
    if role().is_some() {
        let pool = one();
        pool.submit(|()| println!("\ntold: from the worker"), ())
            .unwrap()
            .result()
            .unwrap();
        tell("from the parent");
        return;
    }
    alone(|| {
        let mut child = again(
            "surroundings::output_goes_where_the_parent_prints_by_default",
            "print",
        )
        .spawn()
        .unwrap();
        let mut output = output_of(&mut child);
        assert_eq!(told(&mut output).as_deref(), Some("from the worker"));
        assert_eq!(told(&mut output).as_deref(), Some("from the parent"));
        output.read_to_end(&mut Vec::new()).unwrap();
        child.wait().unwrap();
    });
}

/// The environment that this process was started with, and that it has now.
pub(crate) fn environments(_: ()) -> (Vec<String>, Vec<String>) {
    let began = fs::read("/proc/self/environ").unwrap();
    let began = began
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty());
    let now = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    (
        began
            .map(|entry| String::from_utf8_lossy(entry).into_owned())
            .collect(),
        now.collect(),
    )
}

// contract: P8, P9
#[test]
fn a_process_that_is_marked_as_a_worker_and_has_no_channel_exits_with_a_message() {
    alone(|| {
        let pool = one();
        let (began, now) = pool.submit(environments, ()).unwrap().result().unwrap();
        let mark: Vec<_> = began
            .iter()
            .filter_map(|entry| entry.split_once('='))
            .filter(|(name, _)| env::var_os(name).is_none())
            .collect();
        assert_eq!(mark.len(), 1, "{mark:?}");
        assert!(
            now.iter().all(|name| name != mark[0].0),
            "calls do not see the mark"
        );
        drop(pool);
        for name in ["nothing::of::this::name", "nested"] {
            let marked = Command::new(env::current_exe().unwrap())
                .arg(name)
                .env(mark[0].0, mark[0].1)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            assert!(!marked.status.success(), "{marked:?}");
            assert!(
                marked.stdout.is_empty(),
                "it is not the program: {marked:?}"
            );
            assert!(!marked.stderr.is_empty(), "{marked:?}");
        }
        // Commands on standard input are none.
        let mut marked = Command::new(env::current_exe().unwrap())
            .env(mark[0].0, mark[0].1)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _ = marked.stdin.take().unwrap().write_all(&[0; 4096]);
        assert!(!marked.wait().unwrap().success());
    });
}
