// SPDX-License-Identifier: Apache-2.0
//! One test for each thing that a server can be told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use atrion_testbed::{
    Availability, PgBouncer, Postgres, Proxy, Redis, RedisCluster, Reply, Sentinel, Server, tests,
};

/// Set for a process of this program that starts servers and is then killed, or panics.
const VICTIM: &str = "ATRION_TEST_VICTIM";

pub(crate) fn run() -> ExitCode {
    match std::env::var(VICTIM).as_deref() {
        Ok("panics") => return atrion_testbed::run(&[], tests![a_task_panics]),
        Ok(_) => be_the_victim(),
        Err(_) => {}
    }
    atrion_testbed::run(
        &[Server::Redis, Server::Postgres],
        tests![
            redis_is_killed_and_comes_back_empty,
            redis_with_a_password_refuses_clients_without_it,
            a_stopped_server_hangs_and_goes_on,
            a_cluster_divides_its_slots,
            sentinels_make_the_replica_master,
            postgres_is_killed_and_keeps_what_was_committed,
            postgres_roles_need_their_password_over_tcp,
            a_small_disk_is_full_and_has_room_again => unless atrion_testbed::no_small_disk,
            files_grow_up_to_their_limit,
            a_pooler_gives_each_transaction_the_next_connection => unless no_pooler,
            a_proxy_cuts_holds_delays_and_restores,
            a_folder_goes_with_its_server,
            no_server_outlives_a_killed_test,
            a_panic_in_a_task_that_is_not_awaited_fails_the_run,
        ],
    )
}

async fn redis_is_killed_and_comes_back_empty() {
    let mut redis = Redis::start().unwrap();
    redis.command(["SET", "key", "value"]).unwrap();
    assert_eq!(redis.command(["GET", "key"]).unwrap().text(), Some("value"));
    redis.kill();
    assert!(redis.command(["PING"]).is_err());
    redis.restart().unwrap();
    assert_eq!(redis.command(["GET", "key"]).unwrap(), Reply::Nil);
    redis.config_set("maxmemory", "10mb").unwrap();
    assert!(redis.config_set("maxmemory", "nonsense").is_err());
}

async fn redis_with_a_password_refuses_clients_without_it() {
    let redis = Redis::builder().password("secret").start().unwrap();
    assert_eq!(redis.command(["PING"]).unwrap().text(), Some("PONG"));
    assert!(redis.url().ends_with("?pass=secret"), "{}", redis.url());
    assert!(redis.tcp_url().starts_with("redis://:secret@127.0.0.1:"), "{}", redis.tcp_url());
    assert!(ping(redis.address()).starts_with("-NOAUTH"));
}

async fn a_stopped_server_hangs_and_goes_on() {
    let redis = Redis::start().unwrap();
    redis.stop();
    let mut stream = TcpStream::connect(redis.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    assert!(stream.read_exact(&mut answer).is_err(), "a stopped server answered");
    redis.cont();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}

async fn a_cluster_divides_its_slots() {
    let cluster = RedisCluster::start().unwrap();
    let keyed: Vec<_> = cluster.nodes().iter().map(|node| node.command(["SET", "key", "value"])).collect();
    assert_eq!(keyed.iter().filter(|answer| answer.is_ok()).count(), 1, "{keyed:?}");
}

async fn sentinels_make_the_replica_master() {
    let mut sentinel = Sentinel::start().unwrap();
    assert!(sentinel.servers()[1].command(["SET", "key", "value"]).is_err(), "a replica took a write");
    sentinel.fail_over().unwrap();
    sentinel.servers()[1].command(["SET", "key", "value"]).unwrap();
}

async fn postgres_is_killed_and_keeps_what_was_committed() {
    let mut postgres = Postgres::start().unwrap();
    postgres.create_database("one").unwrap();
    postgres.execute("one", "create table t(v text); insert into t values ('a b'), ('c')").unwrap();
    postgres.kill();
    assert!(postgres.execute("one", "select 1").is_err());
    postgres.restart().unwrap();
    assert_eq!(postgres.execute("one", "select v, 1 from t order by v").unwrap(), ["a b|1", "c|1"]);
    assert!(postgres.execute("one", "select nonsense").is_err());
}

async fn postgres_roles_need_their_password_over_tcp() {
    let postgres = Postgres::start().unwrap();
    postgres.create_role("app", "right").unwrap();
    let psql = |password: &str| {
        let url = Postgres::url_at(postgres.address(), "app", password, "postgres");
        let programs = postgres.programs();
        let mut psql = Command::new(programs.folder.join("psql"));
        if let Some(libraries) = &programs.libraries {
            psql.env("LD_LIBRARY_PATH", libraries);
        }
        psql.args([&url, "-c", "select 1"]).output().unwrap().status.success()
    };
    assert!(psql("right"));
    assert!(!psql("wrong"));
}

async fn a_small_disk_is_full_and_has_room_again() {
    let mut postgres = Postgres::builder().small_disk(24).start().unwrap();
    let place = format!("create tablespace small location '{}'", postgres.disk().unwrap().display());
    postgres.execute("postgres", &place).unwrap();
    postgres.execute("postgres", "create database one tablespace small").unwrap();
    postgres.execute("one", "create table t(v text)").unwrap();
    let write = "insert into t select repeat('x', 1000) from generate_series(1, 100)";
    postgres.fill_disk().unwrap();
    let refused = postgres.execute("one", write).unwrap_err().to_string();
    assert!(refused.contains("No space left on device"), "{refused}");
    assert!(postgres.fill_disk().is_ok(), "it is full, and that is all that was asked for");
    postgres.free_disk().unwrap();
    postgres.execute("one", write).unwrap();
    // Only the server sees the disk, and only in this life of it.
    assert_eq!(std::fs::read_dir(postgres.disk().unwrap()).unwrap().count(), 0);
    postgres.kill();
    assert!(postgres.free_disk().is_err());
}

async fn files_grow_up_to_their_limit() {
    let postgres = Postgres::start().unwrap();
    postgres.create_database("one").unwrap();
    let full = "create table t as select repeat('x', 1000) v from generate_series(1, 18000)";
    postgres.execute("one", full).unwrap();
    let size: u64 = postgres.execute("one", "select pg_relation_size('t')").unwrap()[0].parse().unwrap();
    assert!(size > 16 << 20, "the log must fit into the limit: {size}");
    let write = "insert into t select repeat('x', 1000) from generate_series(1, 100)";
    postgres.limit_files(Some(size)).unwrap();
    let refused = postgres.execute("one", write).unwrap_err().to_string();
    assert!(refused.contains("could not extend file"), "{refused}");
    postgres.limit_files(None).unwrap();
    postgres.execute("one", write).unwrap();
}

fn no_pooler() -> Option<String> {
    match atrion_testbed::availability(Server::PgBouncer) {
        Availability::Ignored(why) => Some(why),
        _ => None,
    }
}

async fn a_pooler_gives_each_transaction_the_next_connection() {
    let postgres = Postgres::start().unwrap();
    let pooler = PgBouncer::before(&postgres, 2).unwrap();
    let ask = |sql: &str| {
        let mut psql = Command::new(postgres.programs().folder.join("psql"));
        if let Some(libraries) = &postgres.programs().libraries {
            psql.env("LD_LIBRARY_PATH", libraries);
        }
        psql.args(["-AtX", "-d", &pooler.url("postgres")]).args(sql.split(';').flat_map(|sql| ["-c", sql]));
        String::from_utf8(psql.output().unwrap().stdout).unwrap()
    };
    // Two clients hold a connection each, so that there are two.
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| ask("select pg_sleep(0.5)")));
        both.into_iter().for_each(|asked| drop(asked.join().unwrap()));
    });
    let whose = "select pg_backend_pid()";
    let apart: std::collections::BTreeSet<_> =
        ask(&[whose; 6].join(";")).lines().map(str::to_owned).collect();
    assert_eq!(apart.len(), 2, "one client, two connections: {apart:?}");
    let together = ask(&format!("begin;{whose};{whose};commit"));
    let together: std::collections::BTreeSet<_> =
        together.lines().filter(|line| line.parse::<u32>().is_ok()).collect();
    assert_eq!(together.len(), 1, "one transaction, one connection: {together:?}");
}

async fn a_proxy_cuts_holds_delays_and_restores() {
    let redis = Redis::start().unwrap();
    let proxy = Proxy::to(redis.address()).unwrap();
    assert_eq!(ping(proxy.address()), "+PONG\r\n");

    proxy.delay(Duration::from_millis(100));
    let begin = Instant::now();
    assert_eq!(ping(proxy.address()), "+PONG\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(200), "{:?}", begin.elapsed());

    proxy.restore();
    let mut stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    proxy.hold();
    stream.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    assert!(stream.read_exact(&mut answer).is_err(), "a held network carried an answer");
    proxy.restore();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");

    proxy.half_open();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.write_all(b"SET heard yes\r\n").unwrap();
    assert!(stream.read_exact(&mut answer).is_err());
    assert_eq!(redis.command(["GET", "heard"]).unwrap().text(), Some("yes"));

    proxy.cut();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert!(matches!(stream.read(&mut answer), Ok(0) | Err(_)), "a cut connection lives");
    assert_eq!(ping(proxy.address()), "");
    proxy.restore();
    assert_eq!(ping(proxy.address()), "+PONG\r\n");
}

async fn a_folder_goes_with_its_server() {
    let postgres = Postgres::start().unwrap();
    let folder = postgres.folder().to_owned();
    assert!(folder.join("data").is_dir());
    drop(postgres);
    assert!(!folder.exists());
}

async fn no_server_outlives_a_killed_test() {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .env(VICTIM, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let mut folders: Vec<PathBuf> = lines.take(2).map(|line| line.unwrap().into()).collect();
    assert!(folders.len() == 2 && folders.iter().all(|folder| folder.is_dir()), "{folders:?}");
    victim.kill().unwrap();
    victim.wait().unwrap();
    // The folder is removed when its server is gone: a stopped one, and one with stopped children.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !folders.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
        folders.retain(|folder| folder.exists());
    }
    assert!(folders.is_empty(), "still there: {folders:?}");
}

async fn a_panic_in_a_task_that_is_not_awaited_fails_the_run() {
    let program = std::env::current_exe().unwrap();
    let run = Command::new(program).env(VICTIM, "panics").stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(out.contains("1 passed") && err.contains("1 panics in tasks beside the tests"), "{out}{err}");
    assert!(!run.status.success());
}

async fn a_task_panics() {
    let task = tokio::spawn(async { panic!("as it was told to") });
    while !task.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn be_the_victim() -> ! {
    let (redis, postgres) = (Redis::start().unwrap(), Postgres::start().unwrap());
    redis.stop();
    postgres.stop();
    println!("{}\n{}", redis.socket().parent().unwrap().display(), postgres.folder().display());
    loop {
        std::thread::park();
    }
}

/// What a Redis answers to PING on a new connection; nothing if it breaks.
fn ping(address: std::net::SocketAddr) -> String {
    let mut answer = [0; 64];
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(b"PING\r\n")?;
        stream.read(&mut answer)
    });
    String::from_utf8_lossy(&answer[..asked.unwrap_or(0)]).into_owned()
}
