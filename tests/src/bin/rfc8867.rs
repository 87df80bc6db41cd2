//! tmp
use tests::rfc8867::{algorithm::Algorithm, cases, metrics::{self, Run, Who, Window, bottleneck as b}, world};
fn main() {
    let rows: Vec<(&str, &str, usize, u32, u32)> = vec![
        ("5.2 0-25", "5.2", 0, 0, 25), ("5.2 50-75", "5.2", 0, 50, 75), ("5.4 30-40", "5.4", 0, 30, 40),
        ("5.5 60-120", "5.5", 0, 60, 120), ("5.5 120-299", "5.5", 0, 120, 299), ("5.6 5-119", "5.6/300", 0, 5, 119), ("5.6 60-119", "5.6/300", 0, 60, 119),
        ("Q70", "Q/70", 0, 20, 60), ("L1", "L/1", 0, 20, 60),("L5", "L/5", 0, 20, 60),("L10", "L/10", 0, 20, 60),("Lb", "L/bursts", 0, 20, 60), ("L20", "L/20", 0, 20, 60), ("D1", "D/1", 0, 20, 60), ("D150", "D/150", 0, 20, 60), ("D300", "D/300", 0, 20, 60),
        ("5.1 40-60", "5.1", 0, 40, 60),
        ("5.1 0-40", "5.1", 0, 0, 40),
    ];
    let first: u64 = std::env::args().nth(1).unwrap().parse().unwrap(); let only: Vec<String> = std::env::args().skip(2).collect();
    for case in cases::all() {
        let mine: Vec<_> = rows.iter().filter(|r| r.1 == case.name && (only.is_empty() || only.iter().any(|o| case.is(o)))).collect();
        if mine.is_empty() { continue; }
        let records: Vec<_> = std::thread::scope(|s| {
            let hs: Vec<_> = (first..=first+4).map(|seed| { let case = &case; s.spawn(move || world::run(case, Algorithm::Reference, seed, &[])) }).collect();
            hs.into_iter().map(|h| h.join().unwrap()).collect()
        });
        for r in mine {
            let w = Window::new(r.3, r.4);
            let m = |f: &dyn Fn(Run) -> f64| { let mut v: Vec<f64> = records.iter().map(|rec| f(Run { case: &case, record: rec })).collect(); let s = v.iter().map(|x| format!("{x:.1}")).collect::<Vec<_>>().join(","); (metrics::median(&mut v), s) };
            let u = m(&|x| b::utilisation(x, r.2, Who::All, w));
            let q = m(&|x| b::queue_mean(x, r.2, Who::All, w));
            let p = m(&|x| b::queue_p95(x, r.2, Who::All, w));
            let l = m(&|x| b::loss(x, r.2, Who::All, w));
            let f95 = m(&|x| metrics::pictures::frame_p95(x, 0, w));
            let fl = m(&|x| metrics::pictures::frames_lost(x, 0, w));
            let est = m(&|x| { let e: Vec<f64> = x.record.flows[0].estimates.iter().filter(|(t, _)| w.contains(*t)).map(|(_, e)| *e / 1000.).collect(); e.iter().sum::<f64>() / e.len() as f64 });
            let up = m(&|x| metrics::steps::up80(x, r.2, Who::All, f64::from(r.3), metrics::steps::Aim::Usable));
            if false {println!("frame p95 {:.0} lost {:.1} est {:.0} {} up80 {:.1} {}", f95.0, fl.0, est.0, est.1, up.0, up.1);}
            println!("{}: {:.0} / {:.0} / {:.0} / {:.1}    [{}] [{}] [{}] [{}]", r.0, u.0, q.0, p.0, l.0, u.1, q.1, p.1, l.1);
        }
    }
}
