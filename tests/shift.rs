//! Losses of different data are not compared: one number a step added to all losses costs nobody more than a factor of three.

use moths::{Batch, Key, Objective, Result, Space, Stop, minimize, registry};

/// Σ (x_i − 0.7)² in 10 dimensions, to all of which one number is added, another one in every step.
struct Shifted {
    space: Space,
    most: f64,
    steps: u64,
}

fn gap(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 0.7).powi(2)).sum()
}

impl Objective for Shifted {
    fn space(&self) -> &Space {
        &self.space
    }

    fn evaluate(&mut self, batch: &Batch) -> Result<Vec<f64>> {
        let unit = (Key::new(7).fold(self.steps).to_bits() >> 11) as f64 / (1u64 << 53) as f64;
        let points = self.space.decode(&*batch.dense(&self.space)?)?.to_vec2::<f64>()?;
        Ok(points.iter().map(|x| gap(x) + self.most * (2.0 * unit - 1.0)).collect())
    }

    fn stochastic(&self) -> bool {
        true
    }

    fn refresh(&mut self) -> Result<()> {
        self.steps += 1;
        Ok(())
    }
}

fn median_gap(spec: &str, most: f64, evaluations: u64) -> Result<f64> {
    let space = Space::bounded([(-5.0, 5.0); 10])?;
    let run = |seed| {
        let mut objective = Shifted { space: space.clone(), most, steps: 0 };
        let mut optimizer = registry::build(&spec.parse()?, &space, Key::new(seed))?;
        let end = minimize(&mut *optimizer, &mut objective, &Stop::evaluations(evaluations))?;
        Ok(gap(&end.values()?.to_vec1::<f64>()?))
    };
    let mut gaps = (0..11).map(run).collect::<Result<Vec<_>>>()?;
    gaps.sort_by(f64::total_cmp);
    Ok(gaps[gaps.len() / 2])
}

#[test]
fn one_number_added_to_all_losses_of_a_step_costs_nobody_a_factor_of_three() -> Result<()> {
    for spec in [
        "pso",
        "random-search",
        "genetic",
        "de",
        "jade",
        "shade",
        r#"{"name":"l-shade","evaluations":10000}"#,
        r#"{"name":"jso","evaluations":10000}"#,
        r#"{"name":"es","plus":true}"#,
    ] {
        let (plain, shifted) = (median_gap(spec, 0.0, 10_000)?, median_gap(spec, 10.0, 10_000)?);
        // A sum of about ten is rounded at 1e-15.
        assert!(shifted <= 3.0 * plain + 1e-13, "{spec}: {shifted:e} and {plain:e}");
    }
    Ok(())
}
