//! What decides the graph: a seed and some sizes. Everything else is derived from these, entity by entity.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What to generate. Two equal plans give the same graph, byte for byte.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    /// Healthy podcasts. Planted ones come on top.
    pub podcasts: u64,
    /// Whether records are planted that can't be migrated.
    pub dirty: bool,
    /// Whether segments, entities and quotes have embeddings.
    pub embeddings: bool,
    /// How many relationships one more entity has, which has no other purpose.
    pub dense: u64,
}

impl Plan {
    /// The random numbers of one entity. They depend on nothing but seed, purpose and index, so that any
    /// entity can be generated again without keeping or repeating the others.
    pub fn random(&self, purpose: &str, index: u64) -> Random {
        let mut name = purpose.as_bytes().to_vec();
        name.extend(index.to_le_bytes());
        Random::new(xxh3_64_with_seed(&name, self.seed))
    }

    /// How often each defect is planted.
    pub fn copies(&self) -> u64 {
        (self.podcasts / 200).max(1)
    }

    /// How often a defect is planted that weighs a megabyte.
    pub fn few_copies(&self) -> u64 {
        self.copies().min(3)
    }

    /// The key of the entity `index` of a type. Keys are in no order of generation, and the first of each
    /// thousand are of the kinds that break careless code; the index keeps them apart.
    pub fn key(&self, prefix: &str, index: u64) -> String {
        let plain = |index: u64| {
            let mixed = self.random(prefix, index).next();
            format!("{prefix}-{mixed:016x}-{index}")
        };
        match index % 1000 {
            // These two sort differently by code point and by UTF-16 unit.
            3 => format!("🎙{}", plain(index)),
            4 => format!("ｆ{}", plain(index)),
            11 => format!("{:x<300}", plain(index)),
            17 => format!(" {} ", plain(index)),
            23 => format!("{}\"'`\\\r\n", plain(index)),
            // Differs from its neighbour in nothing but case.
            29 => plain(index - 1).to_uppercase(),
            // The same to the eye, once composed and once decomposed.
            33 => format!("{}-caf\u{e9}", plain(index)),
            34 => format!("{}-cafe\u{301}", plain(index - 1)),
            _ => plain(index),
        }
    }

    /// The key of a planted entity, which says what was planted.
    pub fn planted_key(&self, prefix: &str, defect: &str, copy: u64) -> String {
        let mixed = self.random(defect, copy).next();
        format!("{prefix}-{mixed:016x}-{defect}-{copy}")
    }
}

/// SplitMix64. Not the `rand` crate's generators: those may change between versions, a seed's graph may not.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(state: u64) -> Self {
        Self { state }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit` - 1; 0 where the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// True in so many cases of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`, which is never empty.
    pub fn pick<'c, T: ?Sized>(&mut self, choices: &[&'c T]) -> &'c T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// So many different numbers from 0 to `limit` - 1, fewer where it happens to draw some twice.
    pub fn some_below(&mut self, limit: u64, count: u64) -> Vec<u64> {
        let mut drawn = Vec::new();
        for _ in 0..count {
            let number = self.below(limit);
            if limit > 0 && !drawn.contains(&number) {
                drawn.push(number);
            }
        }
        drawn
    }

    /// What `make` gives in so many cases of a hundred, else nothing.
    pub fn maybe<T>(&mut self, percent: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.chance(percent) { Some(make(self)) } else { None }
    }
}
