//go:build realdata

package campaign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// realData is the folder of the real files: $DATA, or ../shared/data beside the
// checkout. Without it these tests fail, by one line each.
func realData(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(folder, "postcodes_it.csv")); err != nil {
		t.Fatalf("the real files are not in %s: set DATA to their folder", folder)
	}
	return folder
}

// TestRealFiles imports whole countries. The counts of postcodes that span
// regions, of business mail and of military mail are those that the files'
// own description names.
func TestRealFiles(t *testing.T) {
	folder := realData(t)
	for _, c := range []struct {
		file  string
		o     ImportOptions
		want  Report
		cause map[Reason]int
	}{
		{"postcodes_it.csv", ImportOptions{Depth: DepthAdmin1}, Report{Rows: 18415, Accepted: 18415, Shared: 2, Regions: Counts{Created: 21}, Teams: Counts{Created: 20}, Postcodes: Counts{Created: 4735}}, nil},
		{"postcodes_it.csv", ImportOptions{}, Report{Rows: 18415, Accepted: 18415, Shared: 2902, Regions: Counts{Created: 17880}, Teams: Counts{Created: 17752}, Postcodes: Counts{Created: 4735}}, nil},
		{"postcodes_it.csv", ImportOptions{Within: "it.liguria"}, Report{Rows: 18415, Accepted: 600, Shared: 130, Postcodes: Counts{Created: 197}}, map[Reason]int{OutsideRoot: 17815}},
		{"postcodes_us.csv.gz", ImportOptions{Depth: DepthPlace}, Report{Rows: 41490, Accepted: 40979, Postcodes: Counts{Created: 40979}}, map[Reason]int{NotForSignUp: 511}},
		{"postcodes_us.csv.gz", ImportOptions{}, Report{Rows: 41490, Accepted: 40979, Regions: Counts{Created: 1 + 52 + 3148}, Teams: Counts{Created: 3148}, Postcodes: Counts{Created: 40979}}, map[Reason]int{NotForSignUp: 511}},
		{"postcodes_fr.csv.gz", ImportOptions{Depth: DepthAdmin1}, Report{Rows: 51610, Accepted: 37256, Shared: 8, Regions: Counts{Created: 14}, Teams: Counts{Created: 13}, Postcodes: Counts{Created: 6064}}, map[Reason]int{NotForSignUp: 14353, MissingAdminCode: 1}},
		{"postcodes_fr.csv.gz", ImportOptions{Depth: DepthPlace}, Report{Rows: 51610}, nil},
		{"postcodes_pl.csv.gz", ImportOptions{Depth: DepthAdmin3}, Report{Rows: 72899, Accepted: 72898}, map[Reason]int{MissingAdminCode: 1}},
		{"postcodes_pl.csv.gz", ImportOptions{Depth: DepthPlace}, Report{Rows: 72899, Accepted: 72898}, map[Reason]int{MissingAdminCode: 1}},
	} {
		t.Run(c.file+" "+string(c.o.Depth)+c.o.Within, func(t *testing.T) {
			s, now := newService(t)
			began := time.Now()
			report := importFile(t, s, filepath.Join(folder, c.file), c.o)
			took := time.Since(began)
			if took > 30*time.Second {
				t.Errorf("the import took %s", took)
			}
			if report.Accepted+len(report.Refused) != report.Rows {
				t.Errorf("%d accepted and %d refused of %d", report.Accepted, len(report.Refused), report.Rows)
			}
			t.Logf("%s: rows %d, accepted %d, refused %v, regions %d, teams %d, postcodes %d, shared %d", took.Round(time.Millisecond),
				report.Rows, report.Accepted, report.Reasons(), report.Regions.Created, report.Teams.Created, report.Postcodes.Created, report.Shared)
			got := Report{Rows: report.Rows, Accepted: report.Accepted, Shared: report.Shared, Regions: report.Regions, Teams: report.Teams, Postcodes: report.Postcodes}
			for field, unknown := range map[*Counts]bool{&got.Regions: c.want.Regions == Counts{}, &got.Teams: c.want.Teams == Counts{}, &got.Postcodes: c.want.Postcodes == Counts{}} {
				if unknown {
					*field = Counts{}
				}
			}
			if c.want.Accepted == 0 {
				got.Accepted = 0
			}
			if c.want.Shared == 0 && c.o.Depth != DepthAdmin1 {
				got.Shared = 0
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if c.cause != nil {
				if diff := cmp.Diff(c.cause, report.Reasons()); diff != "" {
					t.Error(diff)
				}
			}
			holdsTogether(t, s)
			now.Advance(time.Minute)
			again := importFile(t, s, filepath.Join(folder, c.file), c.o)
			if changed := again.Regions.Created + again.Regions.Updated + again.Teams.Created + again.Teams.Updated + again.Postcodes.Created + again.Postcodes.Updated; changed != 0 {
				t.Errorf("the same file again changed %d documents", changed)
			}
		})
	}
}

func importFile(t *testing.T, s *Service, path string, o ImportOptions) Report {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	report, err := s.Import(t.Context(), "test", o, file)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// holdsTogether checks the stored tree itself: every parent exists, every leaf
// has one team, every postcode leads to leaves, choices can be told apart.
func holdsTogether(t *testing.T, s *Service) {
	t.Helper()
	got := stateOf(t, s)
	leaves, byID := map[string]bool{}, map[string]*Region{}
	for _, r := range got.Regions {
		byID[r.ID] = r
		if r.Leaf {
			leaves[r.ID] = false
		}
	}
	for _, r := range got.Regions {
		if r.Level == 0 {
			continue
		}
		if parent := byID[r.Parent]; parent == nil || parent.Leaf || !strings.HasPrefix(r.ID, r.Parent+".") || r.Level != parent.Level+1 {
			t.Errorf("region %+v has no parent", r)
		}
	}
	for _, team := range got.Teams {
		if had, ok := leaves[team.Region]; had || !ok {
			t.Errorf("team %+v", team)
		}
		leaves[team.Region] = true
	}
	for id, has := range leaves {
		if !has {
			t.Errorf("leaf %s has no team", id)
		}
	}
	for _, postcode := range got.Postcodes {
		names := map[string]bool{}
		for _, place := range postcode.Places {
			if !leaves[place.Region] || names[place.Name] {
				t.Errorf("postcode %s: choice %+v", postcode.ID, place)
			}
			names[place.Name] = true
		}
	}
}

func TestRealHomonyms(t *testing.T) {
	s, _ := newService(t)
	importFile(t, s, filepath.Join(realData(t), "postcodes_it.csv"), ImportOptions{})
	for postcode, want := range map[string]string{"41055": "it.emilia-romagna.mo.san-martino-41055", "41030": "it.emilia-romagna.mo.san-martino"} {
		if _, err := s.Lookup(t.Context(), "test", postcode, want); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}
