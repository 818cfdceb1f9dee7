package rhythm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func load(t *testing.T) *Table {
	t.Helper()
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestSamplesFollowTheTable is a Kolmogorov-Smirnov test at the table's
// quantiles: with n samples the largest distance of the distributions stays
// below 1.95/sqrt(n) but once in a thousand times, and the seed is fixed.
func TestSamplesFollowTheTable(t *testing.T) {
	table := load(t)
	const n = 200_000
	limit := 1.95 / math.Sqrt(n)
	draws := map[string]func(*rand.Rand) float64{
		"gaps":    func(r *rand.Rand) float64 { return table.Gap(r).Seconds() },
		"actions": func(r *rand.Rand) float64 { return float64(table.Actions(r)) },
	}
	quantiles := map[string][]point{"gaps": table.gaps, "actions": table.actions}
	for what, draw := range draws {
		from := rand.New(rand.NewPCG(2024, 7))
		samples := make([]float64, n)
		for i := range samples {
			samples[i] = draw(from)
		}
		slices.Sort(samples)
		worst := 0.0
		for i, q := range quantiles[what] {
			if i+1 < len(quantiles[what]) && quantiles[what][i+1].value == q.value {
				continue // many share this value: the last of its quantiles counts
			}
			atMost, _ := slices.BinarySearchFunc(samples, q.value+1e-9, func(s, limit float64) int {
				if s <= limit {
					return -1
				}
				return 1
			})
			worst = max(worst, math.Abs(float64(atMost)/n-q.p))
		}
		if worst > limit {
			t.Errorf("%s: the distance is %.5f, above %.5f", what, worst, limit)
		}
		t.Logf("%s: distance %.5f of %.5f allowed", what, worst, limit)
	}
}

// TestTheTailIsHeavy holds what the record is known for: most people act once,
// the busiest hundredth does about a tenth of everything.
func TestTheTailIsHeavy(t *testing.T) {
	table := load(t)
	from := rand.New(rand.NewPCG(1, 1))
	counts := make([]int, 100_000)
	total := 0
	for i := range counts {
		counts[i] = table.Actions(from)
		total += counts[i]
	}
	slices.Sort(counts)
	top := 0
	for _, c := range counts[len(counts)*99/100:] {
		top += c
	}
	if counts[0] != 1 || counts[len(counts)/2] != 1 {
		t.Errorf("least %d, median %d", counts[0], counts[len(counts)/2])
	}
	if share := float64(top) / float64(total); share < .07 || share > .13 {
		t.Errorf("the busiest hundredth does %.3f", share)
	}
}

func TestSameSeedSameRhythm(t *testing.T) {
	table := load(t)
	draw := func(seed uint64) (out []time.Duration) {
		from := rand.New(rand.NewPCG(seed, 0))
		for range 100 {
			out = append(out, table.Gap(from), time.Duration(table.Actions(from)))
		}
		return out
	}
	if !slices.Equal(draw(1), draw(1)) || slices.Equal(draw(1), draw(2)) {
		t.Error("the seed does not decide the rhythm")
	}
}

func TestBrokenTables(t *testing.T) {
	for name, text := range map[string]string{
		"falling":     "what,p,value\ngap_seconds,0,5\ngap_seconds,1,4\nactions,.5,1\nactions,1,2\n",
		"no end":      "what,p,value\ngap_seconds,0,1\ngap_seconds,.9,4\nactions,.5,1\nactions,1,2\n",
		"no actions":  "what,p,value\ngap_seconds,0,1\ngap_seconds,1,4\n",
		"a word":      "what,p,value\ngap_seconds,zero,1\n",
		"another row": "what,p,value\nspeed,0,1\n",
	} {
		if _, err := parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
