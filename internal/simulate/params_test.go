package simulate

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/domain/points"
)

// TestDocumentsAreOfTheParameters: every number has a document, is called in it as in
// JSON, and its values are accepted; the kinds are those of the first rules.
func TestDocumentsAreOfTheParameters(t *testing.T) {
	p := Defaults()
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	documented := 0
	for _, d := range Documents() {
		if d.Default < min(d.Low, d.High) || d.Default > max(d.Low, d.High) || d.What == "" || d.Source == "" || d.Assumed != (strings.HasPrefix(d.Source, "Assumed") || strings.HasSuffix(d.Source, "Size assumed.")) {
			t.Errorf("%s: %+v", d.Name, d)
		}
		for _, v := range []float64{d.Low, d.High, d.Least, d.Most} {
			*p.Value(d.Name) = v
			if err := p.Check(); err != nil {
				t.Errorf("%s = %v: %v", d.Name, v, err)
			}
		}
		*p.Value(d.Name) = d.Default
		at := reflect.TypeFor[Params]()
		for i := range at.NumField() {
			if at.Field(i).Tag.Get("json") == d.Name && reflect.ValueOf(&p).Elem().Field(i).Addr().Interface() == d.of(&p) {
				documented++
			}
		}
	}
	if all := reflect.TypeFor[Params]().NumField() - 2; documented != all {
		t.Errorf("%d of %d numbers have their document", documented, all)
	}
	if p.Value("nothing") != nil {
		t.Error("there is a parameter called nothing")
	}
	rules := points.V1()
	for _, d := range WorkDocuments() {
		if rules.Kind(d.Kind) == nil || d.Default < d.Low || d.Default > d.High || d.Assumed != strings.HasPrefix(d.Source, "Assumed") {
			t.Errorf("%+v", d)
		}
	}
}

// TestParamsAreReadAsWritten, notes and all; what a file leaves out is the default,
// and what it misspells is refused.
func TestParamsAreReadAsWritten(t *testing.T) {
	p := Defaults()
	p.Hours, p.Cheats = 4, map[string]float64{"door_mill": 2}
	var file bytes.Buffer
	if err := WriteParams(&file, p); err != nil {
		t.Fatal(err)
	}
	got, err := ReadParams(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got); diff != "" {
		t.Error(diff)
	}
	want := Defaults()
	want.Kinds = map[string]Work{"flyer": {Share: 1, PerHour: 60}}
	if got, err = ReadParams(strings.NewReader(`{"kinds": {"flyer": {"share": 1, "per_hour": 60}}}`)); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v: %s", err, cmp.Diff(want, got))
	}
	for file, names := range map[string]string{
		`{"show_upp": 1}`:                    "show_upp",
		`{"show_up": 7}`:                     "show_up",
		`{"kinds": {"door": {"hours": 1}}}`:  "hours",
		`{"kinds": {}}`:                      "share",
		`{"cheats": {}}`:                     "cheat",
		`{} {}`:                              "more than one",
		``:                                   "EOF",
		`[1]`:                                "array",
		strings.Repeat(" ", maxFile) + "{}":  "larger",
		`{"kinds": {"door": {"share": -1}}}`: "door",
		`{"kinds": {"A door": {"share": 1, "per_hour": 1}}}`: "A door",
	} {
		if _, err := ReadParams(strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%.40q: %v", file, err)
		}
	}
}

// TestRulesAreReadInTheAPIsShape: as GET rule-sets shows them.
func TestRulesAreReadInTheAPIsShape(t *testing.T) {
	var kinds []map[string]any
	for _, k := range points.V1().Kinds {
		kind := map[string]any{"name": k.Name, "unit": k.Unit, "points": k.Points, "max_quantity": k.MaxQuantity, "source": k.Source}
		var tiers []any
		for _, tier := range k.Tiers {
			tiers = append(tiers, map[string]any{"up_to": tier.UpTo, "percent": tier.Percent})
		}
		kind["tiers"] = tiers
		if k.CoolDown > 0 {
			kind["cool_down_minutes"] = k.CoolDown
		}
		kinds = append(kinds, kind) // a weight of 1 may be left out
	}
	raw := mustJSON(map[string]any{"$schema": "x", "id": "v1", "name": "First rules", "note": "", "state": "in_force", "season": "", "from": "", "created_at": "", "published_at": "", "kinds": kinds})
	got, err := ReadRules(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(FirstRules(), got); diff != "" {
		t.Error(diff)
	}
	const door = `{"name": "door", "unit": "u", "points": 1, "max_quantity": 9, "source": "s", "tiers": [{"up_to": 1, "percent": 100}]`
	for file, names := range map[string]string{
		`{"kinds": [` + door + `}]}`:                                 "name",
		`{"name": "R", "kinds": []}`:                                 "kinds",
		`{"name": "R", "kinds": [` + door + `, "weight": 0}]}`:       "weight",
		`{"name": "R", "kinds": [` + door + `, "cooldown": 1}]}`:     "cooldown",
		`{"name": "R", "kinds": [` + door + `}, ` + door + `}]}`:     "twice",
		`{"name": "R", "kinds": [` + door + `, "points": 1000001}]}`: "points",
		`not json`: "invalid",
	} {
		if _, err := ReadRules(strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// FuzzReadRules: whatever is read can be played, or is refused.
func FuzzReadRules(f *testing.F) {
	f.Add([]byte(`{"name":"R","kinds":[{"name":"door","unit":"u","points":20,"max_quantity":100,"weight":3,"cool_down_minutes":60,"source":"s","tiers":[{"up_to":80,"percent":100},{"up_to":160,"percent":50}]}]}`))
	f.Add([]byte(`{"name":"R","kinds":[{"name":"call","unit":"u","points":100000,"max_quantity":1,"source":"s","tiers":[{"up_to":1000000000,"percent":0}]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ReadRules(bytes.NewReader(raw))
		if err != nil {
			return
		}
		p := Defaults()
		p.Cheaters = .5
		for i, sum := range alone(t, r.Set, p, 5).points {
			if sum < 0 {
				t.Errorf("person %d has %d", i, sum)
			}
		}
	})
}

// FuzzReadParams: whatever is read can be written and read again, or is refused.
func FuzzReadParams(f *testing.F) {
	f.Add([]byte(`{"show_up":0.4,"kinds":{"door":{"share":1,"per_hour":20}},"cheats":{"signup_ring":1}}`))
	f.Add([]byte(`{"notes":{"a":"b"},"hours":2e1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := ReadParams(bytes.NewReader(raw))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := json.NewEncoder(&again).Encode(p); err != nil {
			t.Fatal(err)
		}
		if q, err := ReadParams(&again); err != nil || cmp.Diff(p, q) != "" {
			t.Errorf("%v: %s", err, cmp.Diff(p, q))
		}
	})
}
