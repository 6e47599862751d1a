// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The page, as a person sees it.

use std::time::Duration;

use atrion_core::{Outcome, Tier};
use atrion_engine::{Atrion, Config, LeaseOptions, RouteConfig};
use atrion_license::{Sources, Verifier, Watch, development};
use atrion_state::LeaseEnd;
use atrion_studio::{Access, Studio, StudioConfig, Token};
use atrion_testbed::{Browser, Page, Proxy, Upstream};
use serde_json::json;

use crate::below;
use crate::fleet;
use crate::world::{ALL, SICK, SOON, go, open, outage, studio, until_kept, view_of};

/// Visible texts with a contrast below 4.5:1 to their background.
const CONTRAST: &str = r"(() => {
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const parse = (text) => { const n = text.match(/[\d.]+/g).map(Number); return [n.slice(0, 3), n[3] ?? 1]; };
  const behind = (e) => { for (; e; e = e.parentElement) { const [c, a] = parse(getComputedStyle(e).backgroundColor); if (a === 1) return c; } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.namespaceURI.includes('svg') || !e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || e.closest('.sr, .skip, [aria-hidden=true]')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)[0]), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${e.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return poor;
})()";

/// Texts with a character that turns the direction of text, on one line with other text.
const TURNED: &str = r"(() => {
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  const turned = [];
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    if (!n.textContent.includes(String.fromCharCode(0x202e)) || !n.parentElement.checkVisibility()) continue;
    let e = n.parentElement;
    while (e && !getComputedStyle(e).unicodeBidi.includes('isolate') && getComputedStyle(e).display.startsWith('inline')) e = e.parentElement;
    if (e.textContent !== n.textContent && !getComputedStyle(e).unicodeBidi.includes('isolate')) turned.push(e.outerHTML.slice(0, 200));
  }
  return turned;
})()";

/// Whether anything was drawn on a canvas, by its number.
const DRAWN: &str = "((n) => { const c = document.querySelectorAll('canvas.plot')[n]; const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; return d.some((v, i) => i % 4 === 3 && v > 0); })";

async fn says(page: &Page, selector: &str, words: &str) {
    let condition = format!(
        "[...document.querySelectorAll({})].some((e) => e.checkVisibility() && e.textContent.includes({}))",
        json!(selector),
        json!(words)
    );
    page.wait(&condition, SOON).await.unwrap();
}

fn no_complaints(page: &Page) {
    assert_eq!(page.complaints(), Vec::<String>::new());
}

pub(crate) async fn every_view_shows_an_outage_in_both_themes_and_on_a_phone() {
    let scene = outage().await.unwrap();
    let studio = studio(scene.atrion(), 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1280, 900).await.unwrap();
    assert_eq!(
        page.eval("location.hash").await.unwrap(),
        "#/overview",
        "the token is not left in the address"
    );

    says(&page, ".headline", SICK).await;
    // What is known of an outage: a share of errors says nothing while only probes pass.
    says(&page, ".status .why", "calls fail: ").await;
    says(&page, ".status .why", " in a row, open for ").await;
    page.wait(r"/\d+ of \d+ probes? failed/.test(document.querySelector('.status .why').textContent)", SOON)
        .await
        .unwrap();
    page.wait("document.title.startsWith('▲')", SOON).await.unwrap();
    says(&page, "section", SICK).await;
    says(&page, "tbody td", "breaker open").await;
    says(&page, ".latest", "operational → breaker open").await;
    says(&page, ".facts", "license").await;
    page.wait(&format!("{DRAWN}(0)"), SOON).await.unwrap();

    go(&page, "routes").await.unwrap();
    says(&page, "table.routes tr", "breaker open").await;
    page.click("th:nth-child(4) .sort").await.unwrap();
    page.wait("document.querySelector('th[aria-sort=descending]').textContent.startsWith('R')", SOON)
        .await
        .unwrap();
    says(&page, "table.routes tbody:not([aria-hidden]) tr:first-child", SICK).await;
    page.click("input[type=search]").await.unwrap();
    page.write("search").await.unwrap();
    says(&page, ".count", "1 of 4 ").await;

    go(&page, &view_of(SICK)).await.unwrap();
    says(&page, "h1", SICK).await;
    page.wait("document.querySelectorAll('.scroll.short tbody tr').length > 3", SOON).await.unwrap();
    says(&page, ".scroll.short td", "breaker open").await;
    says(&page, ".ladder text", "shed").await;
    for chart in 0..4 {
        page.wait(&format!("{DRAWN}({chart})"), SOON).await.unwrap();
    }
    page.click("details summary").await.unwrap();
    page.wait("document.querySelectorAll('details[open] tbody tr').length > 3", SOON).await.unwrap();

    go(&page, "events").await.unwrap();
    says(&page, "table.events td", "mode changed").await;
    page.click("button[aria-pressed]").await.unwrap();
    says(&page, "button[aria-pressed=true]", "Resume").await;
    go(&page, "fleet").await.unwrap();
    says(&page, ".notice", "no fleet to show").await;
    go(&page, "license").await.unwrap();
    says(&page, "dd", "Atrion development").await;
    go(&page, "overrides").await.unwrap();
    says(&page, ".empty", "Nothing is taken over").await;

    let views = ["overview", "routes", &view_of(SICK), "events", "fleet", "whatif", "overrides", "license"];
    for (scheme, ground) in [("light", "rgb(245, 246, 247)"), ("dark", "rgb(14, 18, 23)")] {
        page.prefer(scheme, "reduce").await.unwrap();
        for view in views {
            go(&page, view).await.unwrap();
            assert_eq!(
                page.eval("getComputedStyle(document.body).backgroundColor").await.unwrap(),
                ground,
                "{view}"
            );
            assert_eq!(page.eval(CONTRAST).await.unwrap(), json!([]), "{scheme} {view}");
        }
    }
    // The switch wins over the system.
    page.click("#theme").await.unwrap();
    assert_eq!(page.eval("document.documentElement.dataset.theme").await.unwrap(), "light");
    // Where N* first stands, the page says what it is.
    for view in ["routes", &view_of(SICK)] {
        go(&page, view).await.unwrap();
        let words = page.eval("document.querySelector('main').innerText").await.unwrap();
        let words = words.as_str().unwrap();
        let first = words.find("N*").unwrap();
        let line = words[..first].rfind('\n').map_or(0, |line| line + 1);
        assert!(words[line..].lines().next().unwrap().contains("does its best"), "{view}: {words}");
    }
    for width in [320, 700, 2_000] {
        page.resize(width, 720).await.unwrap();
        for view in views {
            go(&page, view).await.unwrap();
            let wide = page.eval("document.documentElement.scrollWidth").await.unwrap();
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{view} is {wide} wide on {width}");
        }
    }
    no_complaints(&page);
}

pub(crate) async fn the_page_comes_back_when_the_server_does() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let token = Token::generate().unwrap();
    let key = development::key(atrion_license::Tier::Pro).unwrap();
    // The way between browser and server can be cut.
    let reserved = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let proxy = Proxy::start(Upstream::Tcp(address)).unwrap();
    let config = StudioConfig {
        address,
        access: Access::Token(token.clone()),
        hosts: vec![proxy.address().to_string()],
        ..StudioConfig::default()
    };
    let start = || Studio::of(&atrion).config(config.clone()).license(key.clone()).start();
    let first = start().await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = browser.page(1_000, 700).await.unwrap();
    page.goto(&format!("http://{}/#token={}", proxy.address(), token.reveal())).await.unwrap();
    let link = |state: &str| format!("document.getElementById('link').dataset.state === '{state}'");
    page.wait(&link("live"), SOON).await.unwrap();
    page.eval("window.states = 0; window.kept = document.querySelector('.view')").await.unwrap();

    proxy.cut();
    page.wait(&link("lost"), SOON).await.unwrap();
    let _ = atrion.route("named while nobody could see it");
    // Numbers that are out of date do not look calm.
    says(&page, "#stale", "The connection is lost. What stands here is as of ").await;
    assert!(page.eval("document.title").await.unwrap().as_str().unwrap().starts_with("✕"));
    proxy.restore();
    page.wait(&link("live"), SOON).await.unwrap();
    page.wait("document.getElementById('stale').hidden", SOON).await.unwrap();
    go(&page, "routes").await.unwrap();
    says(&page, "table.routes th", "named while nobody could see it").await;

    // A restart ends the sessions: the page asks for the token, and goes on with it.
    first.stop();
    page.wait(&link("lost"), SOON).await.unwrap();
    let _second = loop {
        match start().await {
            Ok(second) => break second,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    says(&page, "h1", "Sign in").await;
    page.click("#token").await.unwrap();
    page.write(&token.reveal()).await.unwrap();
    page.press("Enter").await.unwrap();
    page.wait(&link("live"), SOON).await.unwrap();
    says(&page, "table.routes th", "named while nobody could see it").await;

    // After signing out the session is invalid, on this page and on any other.
    page.click("#leave").await.unwrap();
    says(&page, "h1", "Sign in").await;
    let status = page.eval("fetch('/api/v1/state').then((answer) => answer.status)").await.unwrap();
    assert_eq!(status, 401);
}

pub(crate) async fn it_works_below_a_path_of_a_proxy() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let _ = atrion.route("GET /orders");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let token = Token::generate().unwrap();
    let config = StudioConfig {
        address: ([127, 0, 0, 1], 0).into(),
        access: Access::Token(token.clone()),
        hosts: vec![address.to_string()],
        ..StudioConfig::default()
    };
    let key = development::key(atrion_license::Tier::Pro).unwrap();
    let studio = Studio::of(&atrion).config(config).license(key).start().await.unwrap();
    tokio::spawn(below::serve(listener, studio.address()));

    let browser = Browser::start().await.unwrap();
    let page = browser.page(1_000, 700).await.unwrap();
    page.goto(&format!("http://{address}{}/#token={}", below::PATH, token.reveal())).await.unwrap();
    page.wait("document.getElementById('link')?.dataset.state === 'live'", SOON).await.unwrap();
    assert_eq!(page.eval("location.pathname").await.unwrap(), format!("{}/", below::PATH));
    go(&page, "routes").await.unwrap();
    says(&page, "table.routes th", "GET /orders").await;
    go(&page, &view_of("GET /orders")).await.unwrap();
    go(&page, "whatif").await.unwrap();
    says(&page, ".notice", "Nothing is kept yet").await;
    no_complaints(&page);
    page.click("#leave").await.unwrap();
    says(&page, "h1", "Sign in").await;
}

pub(crate) async fn a_route_is_taken_over_and_given_back() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let route = atrion.route("payments.charge");
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    go(&page, &view_of("payments.charge")).await.unwrap();
    says(&page, "h1", "payments.charge").await;

    // Without a kind and a reason the browser does not send the form.
    assert_eq!(
        page.eval("document.querySelectorAll('form.override :checked[type=radio]').length").await.unwrap(),
        0
    );
    page.click("form.override .primary").await.unwrap();
    assert!(atrion.overrides().list().is_empty());
    page.click("form.override [value=force_open]").await.unwrap();
    says(&page, "form.override .hint", "payments.charge: every request is refused, for 5 min").await;
    page.click("[id$=-reason]").await.unwrap();
    page.write("the callee is being moved").await.unwrap();
    page.click("[id$=-author]").await.unwrap();
    page.write("ana").await.unwrap();
    page.press("Enter").await.unwrap();
    says(&page, ".notice", "force open, ").await;
    says(&page, ".notice", "the callee is being moved (ana)").await;
    says(&page, ".hand", "forced open").await;
    assert!(route.admit(Tier::Critical).is_err());

    go(&page, "overrides").await.unwrap();
    says(&page, "tbody tr", "payments.charge").await;
    let left = "document.querySelector('main tbody .num').textContent";
    let before = page.eval(left).await.unwrap();
    page.wait(&format!("{left} !== {before}"), SOON).await.unwrap();
    page.click("main tbody button").await.unwrap();
    says(&page, ".empty", "Nothing is taken over").await;
    assert!(route.admit(Tier::Bulk).is_ok());
    go(&page, "events").await.unwrap();
    says(&page, "table.events td", "the callee is being moved [ana]").await;
    says(&page, "table.events td", "force open lifted by ana").await;
    no_complaints(&page);
}

pub(crate) async fn a_lease_is_revoked_by_hand() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let route = atrion.route("transcode");
    let lease = route.lease(Tier::Low, LeaseOptions::extreme().owner("<b>clip 17</b>")).unwrap();
    assert!(lease.progress(0.5));
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    for view in ["overrides", &view_of("transcode")] {
        go(&page, view).await.unwrap();
        says(&page, ".leases .what", "<b>clip 17</b>").await;
        says(&page, ".leases tbody tr", "50 %").await;
        assert_eq!(page.eval(CONTRAST).await.unwrap(), json!([]), "{view}");
    }
    // Without a reason the browser does not send the form.
    page.click(".leases tbody button").await.unwrap();
    assert!(!lease.token().is_cancelled());
    page.click("[id^=revoke-reason]").await.unwrap();
    page.write("its disk is full").await.unwrap();
    page.click("[id^=revoke-author]").await.unwrap();
    page.write("ana").await.unwrap();
    page.click(".leases tbody button").await.unwrap();
    page.wait("document.querySelector('.leases').hidden", SOON).await.unwrap();
    assert_eq!(lease.token().end(), Some(LeaseEnd::Revoked("its disk is full [ana]".into())));
    no_complaints(&page);
}

pub(crate) async fn recorded_minutes_are_lived_through_again() {
    let scene = outage().await.unwrap();
    let studio = studio(scene.atrion(), 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    // From the view of a route, once some seconds of it are kept.
    until_kept(&page, ALL, 80).await.unwrap();
    go(&page, &view_of(ALL)).await.unwrap();
    page.click("a.button[href^='#/whatif/']").await.unwrap();
    says(&page, "h1", "What if").await;
    page.wait(&format!("document.getElementById('whatif-route').value === {}", json!(ALL)), SOON)
        .await
        .unwrap();

    // Unchanged: the same decisions, and the model beside them.
    page.click("form.whatif .primary").await.unwrap();
    says(&page, ".subline", "decisions taken again are the same to the bit").await;
    says(&page, ".subline", "with no setting changed").await;

    // Changed, by keyboard alone: nothing live has changed.
    let before = scene.atrion().config();
    page.eval("document.querySelectorAll('form.whatif .field input')[1].focus()").await.unwrap();
    page.write("2").await.unwrap();
    page.wait("document.querySelectorAll('.field[data-changed=true]').length === 1", SOON).await.unwrap();
    page.press("Enter").await.unwrap();
    says(&page, ".subline", "with the change").await;
    for chart in 0..2 {
        page.wait(&format!("{DRAWN}({chart})"), SOON).await.unwrap();
    }
    says(&page, ".plain tbody th", "seconds of braking").await;
    page.click("figure details summary").await.unwrap();
    page.wait("document.querySelectorAll('details[open] tbody tr').length > 3", SOON).await.unwrap();
    assert!(scene.atrion().config() == before && scene.atrion().overrides().list().is_empty());

    // Nonsense is refused in words, and the input stays.
    page.eval("document.querySelectorAll('form.whatif .field input')[1].focus()").await.unwrap();
    page.write("x").await.unwrap();
    page.press("Enter").await.unwrap();
    says(&page, "form.whatif .trouble", "is not a number").await;
    page.click("form.whatif button[type=button]").await.unwrap();
    page.wait("document.querySelectorAll('.field[data-changed=true]').length === 0", SOON).await.unwrap();

    for scheme in ["light", "dark"] {
        page.prefer(scheme, "reduce").await.unwrap();
        assert_eq!(page.eval(CONTRAST).await.unwrap(), json!([]), "{scheme}");
    }
    page.resize(320, 720).await.unwrap();
    let wide = page.eval("document.documentElement.scrollWidth").await.unwrap();
    assert!(wide.as_u64().unwrap() <= 320, "{wide}");
    // On a phone the form is longer than the screen: the answer is scrolled into sight, below the
    // tabs.
    page.eval("scrollTo(0, 0); document.querySelector('form.whatif').requestSubmit()").await.unwrap();
    page.wait("document.querySelector('.verdict b')?.getBoundingClientRect().top < innerHeight", SOON)
        .await
        .unwrap();
    let hidden = "document.querySelector('.verdict b').getBoundingClientRect().top < document.getElementById('tabs').getBoundingClientRect().bottom";
    assert_eq!(page.eval(hidden).await.unwrap(), false);
    no_complaints(&page);
}

pub(crate) async fn a_refusal_by_a_group_is_shown_at_its_endpoint() {
    let config = Config::default().group("pool", RouteConfig::default().cap(4));
    let atrion = Atrion::builder().config(config).connect().await.unwrap();
    let route = atrion.group("pool").route("GET /orders");
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    // Four of ten requests pass, and the endpoint's own gate refuses none.
    let traffic = tokio::spawn(async move {
        loop {
            let permits: Vec<_> = (0..10).filter_map(|_| route.admit_owned(Tier::Normal).ok()).collect();
            tokio::time::sleep(Duration::from_millis(50)).await;
            permits.into_iter().for_each(|permit| permit.finish(Outcome::Success));
        }
    });
    says(&page, ".headline", "GET /orders sheds 6").await;
    page.wait("document.title.startsWith('▲ 1 shed')", SOON).await.unwrap();
    says(&page, ".needy tbody th", "@pool").await;
    // Of all requests 60 % are refused: those that both gates have seen are not counted twice.
    let normal = "[...document.querySelectorAll('.plain tbody tr')].find((row) => row.textContent.startsWith('normal'))";
    page.wait(&format!("Math.abs(parseFloat({normal}.querySelector('.share').textContent) - 60) < 4"), SOON)
        .await
        .unwrap();
    go(&page, "routes").await.unwrap();
    says(&page, ".count", "1 route, 1 group").await;
    go(&page, &view_of("GET /orders")).await.unwrap();
    says(&page, ".subline", "Its requests pass the gate of its group as well: @pool").await;
    // A link in a sentence is as wide as its words.
    let wide = "(() => { const link = document.querySelector('.subline .route'); const words = document.createRange(); \
                words.selectNodeContents(link); return link.getBoundingClientRect().width - words.getBoundingClientRect().width; })() < 2";
    page.wait(wide, SOON).await.unwrap();
    says(&page, ".scroll.short td", "at cap · @pool").await;
    go(&page, &view_of("@pool")).await.unwrap();
    says(&page, ".subline", "It is the gate of a group").await;
    traffic.abort();
    no_complaints(&page);
}

pub(crate) async fn a_process_without_a_pulse_does_not_look_calm() {
    // The runtime that drives the pulse is gone with its thread.
    let lone = std::thread::spawn(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(Atrion::builder().connect()).unwrap()
    });
    let atrion = lone.join().unwrap();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    says(&page, "#stale", "The pulse of this process has stopped").await;
    page.wait("document.title.startsWith('✕ no pulse')", SOON).await.unwrap();
    no_complaints(&page);
}

pub(crate) async fn a_pause_is_a_gap_in_a_curve() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    // A curve at a height of its own, of which three points in the middle are not known.
    let draw = r"(async () => {
      const { TimeChart } = await import('/assets/chart.js');
      const chart = new TimeChart([{ name: 'R', color: 'ink', kind: 'line' }], { title: 'R', unit: 'Ω', floor: 100 });
      document.querySelector('main').replaceChildren(chart.element);
      const points = Array.from({ length: 11 }, (_, n) => [n * 1000, n > 3 && n < 7 ? null : 70]);
      chart.show(points, { from: 0, until: 10000 });
      const canvas = chart.canvas;
      const pen = canvas.getContext('2d');
      const [r, g, b] = getComputedStyle(canvas).getPropertyValue('--ink').match(/\w\w/g).map((two) => parseInt(two, 16));
      // The columns in which the color of the line stands.
      const has = (share) => {
        const x = Math.round(44 + share * (canvas.clientWidth - 54));
        const data = pen.getImageData(x, 0, 1, canvas.height).data;
        for (let i = 0; i < data.length; i += 4) if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 90 && data[i + 3] > 200) return true;
        return false;
      };
      chart.moveTo(5000);
      const said = chart.reading.textContent;
      chart.moveTo(null);
      return [has(0.1), has(0.27), has(0.45), has(0.55), has(0.75), has(0.95), said.includes('R –')];
    })()";
    assert_eq!(page.eval(draw).await.unwrap(), json!([true, true, false, false, true, true, true]));
    no_complaints(&page);
}

pub(crate) async fn a_long_name_is_whole_beside_the_selector() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    let long = format!("GET /shops/{}", "{a}/items/".repeat(24));
    let (long_route, short) = (atrion.route(&long), atrion.route("GET /"));
    let traffic = tokio::spawn(async move {
        loop {
            for route in [&long_route, &short] {
                route.admit(Tier::Normal).unwrap().finish(Outcome::Success);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    until_kept(&page, &long, 5).await.unwrap();
    let whole = "document.querySelector('.whole-name')";
    for (width, name, is_cut) in [(1_280, long.as_str(), true), (1_280, "GET /", false), (320, &long, true)] {
        page.resize(width, 720).await.unwrap();
        go(&page, "whatif").await.unwrap();
        let choose = format!(
            "(() => {{ const e = document.getElementById('whatif-route'); e.value = {}; \
             e.dispatchEvent(new Event('change')); return e.value; }})() === {0}",
            json!(name)
        );
        page.wait(&choose, SOON).await.unwrap();
        let shown =
            format!("{whole}.textContent === {} && {whole}.checkVisibility() === {is_cut}", json!(name));
        page.wait(&shown, SOON).await.unwrap();
        let fits = format!(
            "{whole}.scrollWidth <= {whole}.clientWidth && document.documentElement.scrollWidth <= {width}"
        );
        page.wait(&fits, SOON).await.unwrap();
        // Another view, so that the next turn begins anew.
        go(&page, "events").await.unwrap();
    }
    traffic.abort();
    no_complaints(&page);
}

pub(crate) async fn hostile_names_and_browsers_are_text() {
    let name = "<img src=x onerror=window.pwned=1>\"'&{{7*7}}\u{202e}</td><script>window.pwned=2</script>";
    let atrion = Atrion::builder().connect().await.unwrap();
    let route = atrion.route(name);
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    page.call("Network.setUserAgentOverride", json!({ "userAgent": "<img src=x onerror=window.pwned=3>" }))
        .await
        .unwrap();
    let wish = json!({ "route": name, "kind": "force_open", "reason": "</p><img src=x onerror=window.pwned=4>", "author": "<b>ana</b>", "seconds": 60 });
    let sent = format!(
        "fetch('/studio/v1/overrides', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: JSON.stringify({wish}) }}).then((answer) => answer.status)"
    );
    assert_eq!(page.eval(&sent).await.unwrap(), 204);
    while route.admit(Tier::Normal).is_ok() {}
    for view in ["overview", "routes", &view_of(name), "fleet", "events", "overrides"] {
        go(&page, view).await.unwrap();
        if view != "fleet" {
            says(&page, "main", "onerror=window.pwned").await;
        }
        let found = page.eval("[document.querySelectorAll('main img, main script, main b > b').length, String(window.pwned)]").await;
        assert_eq!(found.unwrap(), json!([0, "undefined"]), "{view}");
        assert_eq!(page.eval(TURNED).await.unwrap(), json!([]), "{view}");
    }
    says(&page, ".agent", "<img src=x onerror=window.pwned=3>").await;
    no_complaints(&page);
}

pub(crate) async fn it_is_usable_by_keyboard() {
    let scene = outage().await.unwrap();
    let studio = studio(scene.atrion(), 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    let focused = "document.activeElement.textContent";
    page.press("Tab").await.unwrap();
    assert_eq!(page.eval("document.activeElement.id").await.unwrap(), "skip");
    page.press("Enter").await.unwrap();
    page.wait("document.activeElement.id === 'main'", SOON).await.unwrap();
    // From the start again, to the tabs: each one shows a focus ring.
    page.eval("document.activeElement.blur(); document.getElementById('theme').focus()").await.unwrap();
    for tab in ["Overview", "Routes"] {
        page.press("Tab").await.unwrap();
        assert_eq!(page.eval(focused).await.unwrap(), tab);
        let ring = page.eval("getComputedStyle(document.activeElement).outlineStyle").await.unwrap();
        assert_eq!(ring, "solid");
    }
    page.press("Enter").await.unwrap();
    page.wait("document.querySelector('main h1').textContent === 'Routes'", SOON).await.unwrap();
    assert_eq!(
        page.eval("document.activeElement.id").await.unwrap(),
        "main",
        "the focus goes where the view is"
    );

    // Only changes of modes are spoken.
    page.wait("document.getElementById('live').textContent !== ''", SOON).await.unwrap();
    says(&page, "#live", "ohms").await;
    go(&page, &view_of(SICK)).await.unwrap();
    page.wait(&format!("{DRAWN}(0)"), SOON).await.unwrap();
    page.eval("document.querySelector('canvas.plot').focus()").await.unwrap();
    page.press("End").await.unwrap();
    page.wait("document.querySelector('.reading').textContent.includes('scar')", SOON).await.unwrap();
    let last = page.eval("document.querySelector('.reading').textContent").await.unwrap();
    page.press("ArrowLeft").await.unwrap();
    page.wait(&format!("document.querySelector('.reading').textContent !== {last}"), SOON).await.unwrap();
    let unnamed = page
        .eval("[...document.querySelectorAll('input, select, button, canvas, a')].filter((e) => !e.textContent.trim() && !e.labels?.length && !e.ariaLabel).length")
        .await;
    assert_eq!(unnamed.unwrap(), 0, "everything that can be used has a name");
    no_complaints(&page);
}

pub(crate) async fn a_thousand_routes_are_a_few_rows() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let routes: Vec<_> = (0..1_000).map(|n| atrion.route(&format!("GET /route/{n:04}"))).collect();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    go(&page, "routes").await.unwrap();
    says(&page, ".count", "1,000 routes").await;
    let rows = "document.querySelectorAll('table.routes tbody:not([aria-hidden]) tr').length";
    let shown = page.eval(rows).await.unwrap().as_u64().unwrap();
    assert!((10..80).contains(&shown), "{shown} rows");
    for route in &routes {
        route.admit(Tier::Normal).unwrap().finish(Outcome::Success);
    }
    page.eval("document.querySelector('.scroll.tall').scrollTop = 1e9").await.unwrap();
    says(&page, "table.routes th", "GET /route/0999").await;
    let shown = page.eval(rows).await.unwrap().as_u64().unwrap();
    assert!((10..80).contains(&shown), "{shown} rows");
    let placed = "document.querySelector('table.routes tbody:not([aria-hidden]) tr:last-child').getAttribute('aria-rowindex')";
    page.wait(&format!("{placed} === '1001'"), SOON).await.unwrap();
    no_complaints(&page);
}

pub(crate) async fn a_fleet_is_a_heat_map_with_numbers() {
    let atrion = fleet::service().await.unwrap();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    go(&page, "fleet").await.unwrap();
    says(&page, ".subline", "6 nodes · γ 0.3").await;
    says(&page, ".heat td", "⊘ 94.0").await;
    says(&page, ".heat thead th", "shop-7d9f-4").await;
    says(&page, "td", "▲ fading").await;
    // Stock is one service for all nodes: the fourth of the others waits for more than its part.
    says(&page, "td", "▲ over its part").await;
    says(&page, "td", "● within its part, here").await;
    for scheme in ["light", "dark"] {
        page.prefer(scheme, "reduce").await.unwrap();
        assert_eq!(page.eval(CONTRAST).await.unwrap(), json!([]), "{scheme}");
    }
    // The effect of the fleet here: hearsay moves the gate, and no breaker.
    page.wait(
        "[...document.querySelectorAll('.panel')].at(-1).querySelectorAll('tbody tr').length > 0",
        SOON,
    )
    .await
    .unwrap();
    no_complaints(&page);
}

pub(crate) async fn without_a_session_or_a_license_the_page_says_what_to_do() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let none = Sources::from_lookup(|_| None).with_default_file("/nowhere/license.key");
    let token = Token::generate().unwrap();
    let studio = Studio::of(&atrion)
        .address(([127, 0, 0, 1], 0).into())
        .access(Access::Token(token.clone()))
        .license(Watch::new(none, Verifier::embedded()))
        .start()
        .await
        .unwrap();
    let browser = Browser::start().await.unwrap();
    let page = browser.page(800, 700).await.unwrap();
    page.goto(&format!("http://{}/", studio.address())).await.unwrap();
    says(&page, "h1", "Sign in").await;
    page.click("#token").await.unwrap();
    page.write(&token.reveal()).await.unwrap();
    page.press("Enter").await.unwrap();
    says(&page, "h1", "The views need a license").await;
    says(&page, ".notice", "ATRION_LICENSE_KEY").await;
    let answer = page.eval("fetch('/api/v1/state').then((answer) => answer.status)").await.unwrap();
    assert_eq!(answer, 200);
    assert_eq!(page.eval("document.cookie").await.unwrap(), "", "no script sees the session");
}

pub(crate) async fn a_quiet_system_says_what_to_do_next() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();
    says(&page, ".headline", "Nothing is shed").await;
    says(&page, ".empty", "No route has been named yet").await;
    go(&page, "routes").await.unwrap();
    says(&page, ".empty", "atrion.route(").await;
    says(&page, ".count", "0 routes").await;
    go(&page, "events").await.unwrap();
    says(&page, ".empty", "Nothing has happened yet").await;
    assert_eq!(
        page.eval("document.querySelector('.choice')").await.unwrap(),
        json!(null),
        "no history, no tab"
    );
    go(&page, "whatif").await.unwrap();
    says(&page, ".notice", "Nothing is kept yet").await;
    // The first route replaces the words.
    let _ = atrion.route("GET /orders");
    go(&page, "routes").await.unwrap();
    says(&page, "table.routes th", "GET /orders").await;
    says(&page, ".count", "1 route").await;
    no_complaints(&page);
}

pub(crate) async fn a_page_that_is_left_open_stays_small() {
    let atrion = Atrion::builder().connect().await.unwrap();
    let studio = studio(&atrion, 0).await.unwrap();
    let browser = Browser::start().await.unwrap();
    let page = open(&browser, &studio, 1_280, 900).await.unwrap();

    // A year in a second: what the page keeps is bounded.
    let year = r"(async () => {
      const { Store } = await import('/assets/store.js');
      const store = new Store();
      const columns = ['mode', 'flags', 'inFlight', 'debt', 'target', 'base', 'saturation', 'momentum', 'scar', 'staleness', 'cluster', 'latencyMs', 'baselineMs', 'errors'];
      for (const kind of ['admitted', 'shed']) for (let tier = 0; tier < 5; tier++) columns.push(kind + tier);
      columns.push('overtaken', 'signal', 'queued');
      const around = { stores: [], overrides: [], leases: { list: [], all: 0, lost: [] }, nodes: [], callees: [], license: null };
      store.take('state', { t: 1, about: { events: [], refusals: [] }, around, columns, names: {}, groups: [], open: [], rows: [], sparks: {}, totals: [] });
      for (let t = 2; t < 5000; t++) {
        const row = [t, 1, 0, 1, 0, 10, 10, 0, 0, t % 90, 0, 0, 1, 1, 0, ...new Array(10).fill(t % 7), 0, 0, 0];
        store.take('frame', { t: t * 1000, new: [[t, 'route ' + t]], gone: [t - 100], groups: [], open: [], rows: [row] });
        store.take('events', { lost: t % 5, list: Array.from({ length: 10 }, (_, n) => ({ number: t * 10 + n, at_ms: t, kind: 'config_replaced', severity: 'info', route: null, text: 'x', details: {} })) });
        store.take('refusals', { list: [{ number: t, route: 'route ' + t }] });
      }
      const sparks = Math.max(...[...store.routes.values()].map((route) => route.spark.length));
      return [store.events.length, store.refusals.length, store.totals.length, store.routes.size, store.byName.size, sparks];
    })()";
    let kept = page.eval(year).await.unwrap();
    let kept: Vec<u64> = kept.as_array().unwrap().iter().filter_map(serde_json::Value::as_u64).collect();
    let bounds = [2_000, 400, 900, 101, 101, 60];
    assert!(
        kept.len() == bounds.len() && kept.iter().zip(bounds).all(|(kept, most)| *kept <= most),
        "{kept:?}"
    );

    // Thousands of real events: as many rows as before, and no more memory.
    go(&page, "events").await.unwrap();
    let (mut sizes, mut latest) = (Vec::new(), 0);
    // As many as are kept, and then some more.
    for count in [2_100_u32, 800] {
        for generation in 1..=count {
            atrion.replace_config(Config::default()).unwrap();
            // No faster than the sampler tells all of them.
            if generation.is_multiple_of(25) {
                tokio::time::sleep(Duration::from_millis(70)).await;
            }
        }
        let last = "document.querySelector('table.events tbody .what')?.textContent";
        latest += count;
        let words = format!("configuration {latest} is in force");
        page.wait(&format!("{last}.includes({})", json!(words)), SOON).await.unwrap();
        let rows = page.eval("document.querySelectorAll('table.events tbody tr').length").await.unwrap();
        assert_eq!(rows, 300);
        says(&page, ".count", "300 of 2,000 events").await;
        page.call("HeapProfiler.collectGarbage", json!({})).await.unwrap();
        let heap = page.call("Runtime.getHeapUsage", json!({})).await.unwrap()["usedSize"].as_f64().unwrap();
        let nodes = page.eval("document.querySelectorAll('*').length").await.unwrap().as_u64().unwrap();
        sizes.push((heap / 1e6, nodes));
    }
    let ((before, nodes), (after, then)) = (sizes[0], sizes[1]);
    assert!(then <= nodes + 20 && after < before + 2.0, "MB and elements, round by round: {sizes:?}");
    no_complaints(&page);
}
