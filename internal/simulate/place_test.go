package simulate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/campaign"
)

// TestSizes: what is known of the regions decides, unless somebody else does.
func TestSizes(t *testing.T) {
	peopled := []campaign.Leaf{{Region: "x.a", Name: "A", Postcodes: 1, Population: 50_000}, {Region: "x.b", Name: "B", Postcodes: 3, Population: 900}}
	unknown := []campaign.Leaf{{Region: "x.a", Name: "A", Postcodes: 1}, {Region: "x.b", Name: "B", Postcodes: 3, Population: 900}}
	bare := []campaign.Leaf{{Region: "x.a"}, {Region: "x.b"}}
	many, few := map[string]int{"x.a": 9, "x.b": 1}, map[string]int{"x.b": 9}
	for name, c := range map[string]struct {
		by      string
		leaves  []campaign.Leaf
		members map[string]int
		source  string
		want    []float64
	}{
		"populations first":        {"auto", peopled, many, "population", []float64{100, 20}},
		"then members":             {"auto", unknown, many, "members", []float64{9, 1}},
		"of whom there are enough": {"auto", unknown, few, "postcodes", []float64{10, 30}},
		"then nothing":             {"auto", bare, nil, "equal", []float64{20, 20}},
		"members all the same":     {"members", peopled, few, "members", []float64{0, 9}},
		"equal all the same":       {"equal", peopled, many, "equal", []float64{20, 20}},
	} {
		got, err := SizesOf(c.by, c.leaves, c.members)
		if err != nil || !strings.Contains(got.Source, c.source) {
			t.Errorf("%s: %q, %v", name, got.Source, err)
		}
		want := []Place{{c.leaves[0].Region, c.leaves[0].Name, c.want[0]}, {c.leaves[1].Region, c.leaves[1].Name, c.want[1]}}
		if diff := cmp.Diff(want, got.Places); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for by, leaves := range map[string][]campaign.Leaf{"population": unknown, "members": peopled, "postcodes": bare, "height": peopled} {
		if _, err := SizesOf(by, leaves, nil); err == nil {
			t.Errorf("sizes by %s, which is not known", by)
		}
	}
}
