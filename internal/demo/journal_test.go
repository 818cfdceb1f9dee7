package demo

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadJournal(t *testing.T) {
	const whole = `{"id":"a-1","answer":"recorded"}` + "\n" + `{"id":"a-2","answer":"rejected"}` + "\n\n" + `{"id":"a-1","answer":"duplicate"}` + "\n"
	want := []JournalLine{{"a-1", "recorded"}, {"a-2", "rejected"}, {"a-1", "duplicate"}}
	for name, text := range map[string]string{
		"whole":           whole,
		"torn":            whole + `{"id":"a-3","ans`,
		"torn in a value": whole + `{"id":"a-3","answer":"recor`,
	} {
		got, err := ReadJournal(strings.NewReader(text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got := Acknowledged(want); !slices.Equal(got, []string{"a-1"}) {
		t.Errorf("acknowledged %v", got)
	}
	if got, err := ReadJournal(strings.NewReader("")); err != nil || got != nil {
		t.Errorf("empty: %v, %v", got, err)
	}
	for name, text := range map[string]string{
		"torn in the middle": `{"id":"a-3","ans` + "\n" + whole,
		"another answer":     `{"id":"a-3","answer":"perhaps"}` + "\n",
		"no id":              `{"answer":"recorded"}` + "\n",
	} {
		if _, err := ReadJournal(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJournalGoesOn opens a journal that a kill has left in every way.
func TestJournalGoesOn(t *testing.T) {
	const first, second = `{"id":"a-1","answer":"recorded"}`, `{"id":"a-2","answer":"recorded"}`
	long := `{"id":"` + strings.Repeat("x", 60) + `","answer":"duplicate"}` + "\n"
	for _, before := range []string{"", first + "\n", first, first + "\n" + second[:10], second[:1], strings.Repeat(long, 500) + second[:20]} {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		had, err := ReadJournal(strings.NewReader(before))
		if err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.add([]JournalLine{{"b-1", recorded}, {"b-2", rejected}}); err != nil {
			t.Fatal(err)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadJournal(bytes.NewReader(text))
		if err != nil || !slices.Equal(got, append(had, JournalLine{"b-1", recorded}, JournalLine{"b-2", rejected})) {
			t.Errorf("after %.40q: %d lines, %v", before, len(got), err)
		}
	}
}

// TestJournalOfMany has people share the journal: every batch is whole, and on
// disk when its add has returned.
func TestJournalOfMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	var people sync.WaitGroup
	for person := range 20 {
		people.Go(func() {
			for n := range 10 {
				lines := []JournalLine{{fmt.Sprintf("%d-%d-a", person, n), recorded}, {fmt.Sprintf("%d-%d-b", person, n), recorded}}
				if err := j.add(lines); err != nil {
					t.Error(err)
				}
				j.syncing.Lock()
				if j.synced == 0 {
					t.Error("returned before the first sync")
				}
				j.syncing.Unlock()
			}
		})
	}
	people.Wait()
	if j.synced != 200 || j.written != 200 {
		t.Errorf("%d of %d batches synced", j.synced, j.written)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := ReadJournal(file)
	if err != nil || len(lines) != 400 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for i := 0; i < len(lines); i += 2 {
		if strings.TrimSuffix(lines[i].ID, "a") != strings.TrimSuffix(lines[i+1].ID, "b") {
			t.Fatalf("batches are mixed: %v", lines[i:i+2])
		}
	}
	var none *journal
	if diff := cmp.Diff(nil, none.add(lines)); diff != "" || none.close() != nil {
		t.Error("no journal takes everything")
	}
}

func FuzzReadJournal(f *testing.F) {
	f.Add([]byte(`{"id":"a-1","answer":"recorded"}` + "\n" + `{"id":"a`))
	f.Add([]byte("\n\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, err := ReadJournal(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, line := range lines {
			if line.ID == "" || line.Answer != recorded && line.Answer != duplicate && line.Answer != rejected {
				t.Fatalf("accepted %+v", line)
			}
		}
	})
}
