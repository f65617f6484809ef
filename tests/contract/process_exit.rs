//! X7: pools that nobody waits for, and the end of the process.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

use concurrent_futures::{SubmitError, ThreadPoolExecutor};
use concurrent_futures_tests::{Threads, bounded, eventually};

use crate::shutdown::busy_pool;

// contract: X7
#[test]
fn a_detached_pool_finishes_without_anybody_waiting() {
    bounded(|| {
        let threads = Threads::new();
        let (pool, held, queued) = busy_pool(&threads);
        let handle = pool.handle();
        pool.detach();
        assert!(matches!(handle.spawn(|| ()), Err(SubmitError::ShutDown(_))));
        assert!(queued.iter().all(|f| !f.done()));
        held.release();
        for (n, future) in queued.into_iter().enumerate() {
            assert_eq!(future.result().unwrap(), n);
        }
        eventually("the worker is gone", || threads.alive() == 0);
    });
}

const ROLE: &str = "CONCURRENT_FUTURES_TEST_ROLE";

/// This test program again, with only the named test, which finds its role in the environment.
fn child(test: &str, role: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A pool in a static whose call waits for a line from the parent. The process's exit begins when this returns.
fn exit_with_work_left(role: &str) {
    static POOL: LazyLock<ThreadPoolExecutor> =
        LazyLock::new(|| ThreadPoolExecutor::new(1).unwrap());
    if role.contains("join") {
        POOL.join_at_exit();
    }
    POOL.spawn(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        println!("got {line}");
    })
    .unwrap();
    POOL.spawn(|| println!("and the last one")).unwrap();
    if role.contains("now") {
        println!("test result: none");
        std::process::exit(7);
    }
}

// contract: X7
#[test]
fn a_pool_in_a_static_is_waited_for_at_exit_if_it_asked_for_that() {
    if let Ok(role) = env::var(ROLE) {
        return exit_with_work_left(&role);
    }
    bounded(|| {
        for (role, code) in [("join", 0), ("join now", 7)] {
            let name =
                "process_exit::a_pool_in_a_static_is_waited_for_at_exit_if_it_asked_for_that";
            let mut child = child(name, role);
            let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
            // The last that a process prints before it exits.
            output
                .find(|line| line.as_ref().unwrap().contains("test result"))
                .unwrap()
                .unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(b"the work\n")
                .unwrap();
            let rest: Vec<_> = output.map(Result::unwrap).collect();
            assert!(rest.contains(&"got the work".to_owned()), "{rest:?}");
            assert!(rest.contains(&"and the last one".to_owned()), "{rest:?}");
            assert_eq!(child.wait().unwrap().code(), Some(code));
        }
    });
}

// contract: X7
#[test]
fn a_pool_in_a_static_loses_its_work_at_exit_if_it_did_not_ask() {
    if let Ok(role) = env::var(ROLE) {
        return exit_with_work_left(&role);
    }
    bounded(|| {
        for (role, code) in [("lose", 0), ("lose now", 7)] {
            let name = "process_exit::a_pool_in_a_static_loses_its_work_at_exit_if_it_did_not_ask";
            let mut child = child(name, role);
            // Its call waits for this end of the pipe, which stays open.
            let stdin = child.stdin.take();
            let mut output = String::new();
            child
                .stdout
                .take()
                .unwrap()
                .read_to_string(&mut output)
                .unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(code));
            assert!(output.contains("test result"), "{output}");
            assert!(!output.contains("the last one"), "{output}");
            drop(stdin);
        }
    });
}

// contract: X4, X7
#[test]
fn a_call_that_exits_the_process_does_not_wait_for_itself() {
    if env::var(ROLE).is_ok() {
        static POOL: LazyLock<ThreadPoolExecutor> =
            LazyLock::new(|| ThreadPoolExecutor::new(1).unwrap());
        POOL.join_at_exit();
        let _ = POOL.spawn(|| std::process::exit(7)).unwrap().result();
        unreachable!("the process has exited");
    }
    bounded(|| {
        let name = "process_exit::a_call_that_exits_the_process_does_not_wait_for_itself";
        let mut child = child(name, "exit");
        child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    });
}
