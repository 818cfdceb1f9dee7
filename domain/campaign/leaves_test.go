package campaign

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestLeavesAreThoseOfTheImport: a file read without a campaign has the leaves that
// a campaign has once it has imported the file.
func TestLeavesAreThoseOfTheImport(t *testing.T) {
	for _, o := range []ImportOptions{{Country: "it"}, {Country: "it", Within: "it.liguria"}, {Country: "it", Depth: DepthAdmin2}} {
		s, _ := newService(t)
		imported, err := s.Import(t.Context(), "test", o, strings.NewReader(small(t)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Leaves(t.Context(), "test")
		if err != nil || len(want) != imported.Teams.Created {
			t.Fatalf("%d leaves for %d teams, %v", len(want), imported.Teams.Created, err)
		}
		got, report, err := ReadLeaves(t.Context(), o, strings.NewReader(small(t)))
		if err != nil || report.Root != imported.Root || report.Accepted != imported.Accepted {
			t.Fatalf("read %+v, %v", report, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		for _, leaf := range got {
			if leaf.Postcodes < 1 {
				t.Errorf("no postcode leads to %s", leaf.Region)
			}
		}
	}
}

// TestPopulationsAddUp: a place's people count once, however many postcodes it has,
// and a coarser leaf has those of all its places.
func TestPopulationsAddUp(t *testing.T) {
	file := `country,postcode,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon,population
IT,16121,Genova,Liguria,07,Genova,GE,Genova,010025,44.4,8.9,560000
IT,16122,Genova,Liguria,07,Genova,GE,Genova,010025,44.4,8.9,560000
IT,16030,Avegno,Liguria,07,Genova,GE,Avegno,010003,44.3,9.1,2500
IT,17100,Savona,Liguria,07,Savona,SV,Savona,009056,44.3,8.4,many
`
	for depth, want := range map[Depth][]Leaf{
		DepthPlace: {
			{Region: "it.liguria.ge.avegno", Name: "Avegno", Postcodes: 1, Population: 2500},
			{Region: "it.liguria.ge.genova", Name: "Genova", Postcodes: 2, Population: 560000},
			{Region: "it.liguria.sv.savona", Name: "Savona", Postcodes: 1},
		},
		DepthAdmin2: {
			{Region: "it.liguria.ge", Name: "Genova", Postcodes: 3, Population: 562500},
			{Region: "it.liguria.sv", Name: "Savona", Postcodes: 1},
		},
	} {
		got, _, err := ReadLeaves(t.Context(), ImportOptions{Depth: depth}, strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, _, err := ReadLeaves(t.Context(), ImportOptions{Within: "it.mars"}, strings.NewReader(file)); err == nil {
		t.Error("leaves of a root that is not there")
	}
}
