package faults

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestCheck(t *testing.T) {
	begin := func(op int, ids ...string) Line { return Line{Op: op, Word: Invoke, Person: "anna", IDs: ids} }
	ok := func(op int, total int64, points ...int64) Line {
		return Line{Op: op, Word: OK, Points: points, Total: total}
	}
	tests := []struct {
		name    string
		journal []Line
		ledger  []Entry
		wrong   func(*Verdict) []string // nil: all is well
		want    string
	}{
		{"as it should be", []Line{begin(1, "a", "b"), ok(1, 5, 2, 3)}, []Entry{{"a", 2}, {"b", 3}}, nil, ""},
		{"unknown and there", []Line{begin(1, "a"), {Op: 1, Word: Unknown}}, []Entry{{"a", 2}}, nil, ""},
		{"unknown and not there", []Line{begin(1, "a"), {Op: 1, Word: Unknown}}, nil, nil, ""},
		{"never answered and there", []Line{begin(1, "a")}, []Entry{{"a", 2}}, nil, ""},
		{"unknown, then answered", []Line{begin(1, "a"), {Op: 1, Word: Unknown}, begin(2, "a"), ok(2, 2, 2)}, []Entry{{"a", 2}}, nil, ""},
		{"refused, then answered", []Line{begin(1, "a"), {Op: 1, Word: Fail}, begin(2, "a"), ok(2, 2, 2)}, []Entry{{"a", 2}}, nil, ""},
		{"acknowledged and gone", []Line{begin(1, "a"), ok(1, 2, 2)}, nil, func(v *Verdict) []string { return v.Lost }, "a"},
		{"unknown, then acknowledged and gone", []Line{begin(1, "a"), {Op: 1, Word: Unknown}, begin(2, "a"), ok(2, 2, 2)}, nil, func(v *Verdict) []string { return v.Lost }, "a"},
		{"twice", []Line{begin(1, "a"), ok(1, 2, 2)}, []Entry{{"a", 2}, {"a", 2}}, func(v *Verdict) []string { return v.Doubled }, "a"},
		{"unknown and twice", []Line{begin(1, "a"), {Op: 1, Word: Unknown}}, []Entry{{"a", 2}, {"a", 2}}, func(v *Verdict) []string { return v.Doubled }, "a"},
		{"nobody sent it", nil, []Entry{{"a", 2}}, func(v *Verdict) []string { return v.Invented }, "a"},
		{"refused and there", []Line{begin(1, "a"), {Op: 1, Word: Fail}}, []Entry{{"a", 2}}, func(v *Verdict) []string { return v.Invented }, "a"},
		{"other points in the ledger", []Line{begin(1, "a"), ok(1, 2, 2)}, []Entry{{"a", 3}}, func(v *Verdict) []string { return v.Unequal }, "a"},
		{"other points the second time", []Line{begin(1, "a"), ok(1, 2, 2), begin(2, "a"), ok(2, 3, 3)}, []Entry{{"a", 3}}, func(v *Verdict) []string { return v.Unequal }, "a"},
		{"an answer too few", []Line{begin(1, "a", "b"), ok(1, 2, 2)}, []Entry{{"a", 2}, {"b", 2}}, func(v *Verdict) []string { return v.Unequal }, "b"},
		{"a smaller total", []Line{begin(1, "a"), ok(1, 2, 2), begin(2, "b"), ok(2, 1, 0)}, []Entry{{"a", 2}, {"b", 0}}, func(v *Verdict) []string { return v.Backward }, "anna"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Check(tt.journal, map[string][]Entry{"anna": tt.ledger})
			if tt.wrong == nil {
				if !v.Holds() {
					t.Error(v)
				}
				return
			}
			if v.Holds() || !slices.Contains(tt.wrong(v), tt.want) {
				t.Errorf("%s, want %s", v, tt.want)
			}
		})
	}
}

// The same id in two people's ledgers is twice as well.
func TestCheckOverPeople(t *testing.T) {
	v := Check([]Line{{Op: 1, Word: Invoke, IDs: []string{"a"}}}, map[string][]Entry{"anna": {{"a", 1}}, "bruno": {{"a", 1}}})
	if !slices.Equal(v.Doubled, []string{"a"}) {
		t.Error(v)
	}
}

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := NewJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	first, second := j.Begin("anna", []string{"a"}), j.Begin("bruno", []string{"b"})
	j.End(Line{Op: second, Word: OK, Points: []int64{0}})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := Read(file)
	if err != nil || len(lines) != 3 || lines[0].Op != first || lines[2].Word != OK || len(lines[2].Points) != 1 {
		t.Errorf("%+v, %v", lines, err)
	}
	if v := Check(lines, nil); v.Operations != 2 || v.OK != 1 || v.Unknown != 1 || !slices.Equal(v.Lost, []string{"b"}) {
		t.Error(v)
	}
	j.Begin("anna", []string{"late"})
	if j.Close() == nil {
		t.Error("what could not be written went unsaid")
	}
}
