//! scratch
use regraft::neo4j::{Settings, Statement, TargetGraph};
#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let uri = std::env::var(&args[1]).unwrap();
    let pw = std::fs::read_to_string(".stack/password").unwrap();
    let mut s = Settings::new(uri, "neo4j", pw.trim());
    s.connections = 2;
    let t = TargetGraph::connect(&s).await.unwrap();
    let rows = if args.len() > 3 {
        t.read_only().rows(Statement::new(args[2].clone())).await
    } else {
        t.rows(Statement::new(args[2].clone())).await
    };
    match rows {
        Ok(rows) => {
            for row in rows {
                println!("{row:?}");
            }
        }
        Err(e) => println!("{e:?}"),
    }
}
