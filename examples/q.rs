fn main() {
    let a: Vec<String> = std::env::args().collect();
    let p = std::fs::read_to_string(std::env::var("REGRAFT__SOURCE__PASSWORD_FILE").unwrap()).unwrap();
    let uri = std::env::var(format!("REGRAFT__{}__URI", a[1])).unwrap();
    let rt = tokio::runtime::Runtime::new().unwrap();
    rt.block_on(async {
        let g = neo4rs::Graph::new(uri, "neo4j", p.trim()).unwrap();
        for q in &a[2..] {
            println!("> {q}");
            let mut s = g.execute(neo4rs::query(q)).await.unwrap();
            while let Some(r) = s.next().await.unwrap() {
                println!("{r:?}");
            }
        }
    });
}
