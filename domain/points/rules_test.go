package points

import (
	"testing"

	"pgregory.net/rapid"
)

func TestV1IsSound(t *testing.T) {
	rules := V1()
	seen := map[string]bool{}
	for _, k := range rules.Kinds {
		if seen[k.Name] || k.Name == "" || k.Unit == "" || k.Source == "" || k.MaxQuantity < 1 || k.Weight < 1 || k.Points < 0 {
			t.Errorf("kind %+v is incomplete", k)
		}
		seen[k.Name] = true
		last := Tier{Percent: 100}
		for _, tier := range k.Tiers {
			if tier.UpTo <= last.UpTo || tier.Percent > last.Percent || tier.Percent < 0 {
				t.Errorf("%s: tier %+v after %+v", k.Name, tier, last)
			}
			last = tier
		}
	}
	for _, kind := range []string{"door", "call", "text", "share", "event_attended", "donation_asked", "signup_recruited", "data_entry"} {
		if !seen[kind] {
			t.Errorf("no %s", kind)
		}
	}
}

func TestPoints(t *testing.T) {
	tests := []struct {
		kind     string
		quantity int64
		want     int64
	}{
		{"door", -1, 0}, {"door", 0, 0}, {"door", 1, 20}, {"door", 80, 1600}, {"door", 81, 1610}, {"door", 160, 2400},
		{"door", 161, 2405}, {"door", 320, 3200}, {"door", 321, 3200}, {"door", 1 << 40, 3200},
		{"text", 61, 60}, {"text", 62, 61}, // half a point is rounded down over the whole day
		{"share", 50, 0}, {"event_attended", 3, 250}, {"dance", 5, 0},
	}
	for _, tt := range tests {
		if got := V1().Points(tt.kind, tt.quantity); got != tt.want {
			t.Errorf("%d %s are worth %d, want %d", tt.quantity, tt.kind, got, tt.want)
		}
	}
}

// More is never worth less, and never more than it would be in full.
func TestPointsGrowEverSlower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := V1()
		kind := rapid.SampledFrom(rules.Kinds).Draw(t, "kind")
		a := rapid.Int64Range(0, 3*kind.Tiers[2].UpTo).Draw(t, "a")
		b := a + rapid.Int64Range(0, kind.MaxQuantity).Draw(t, "more")
		gain := rules.Points(kind.Name, b) - rules.Points(kind.Name, a)
		if gain < 0 || gain > rules.Points(kind.Name, b-a)+1 {
			t.Fatalf("from %d to %d is worth %d, alone it is %d", a, b, gain, rules.Points(kind.Name, b-a))
		}
	})
}
