package liguria_test

import (
	"path/filepath"
	"testing"

	"github.com/musterhq/muster/domain/campaign"
	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/internal/liguria"
	"github.com/musterhq/muster/store"
	"github.com/musterhq/muster/store/sqlite"
)

// TestLiguriaImports takes the way every operator's file takes, and asks for
// every comune under every postcode it has.
func TestLiguriaImports(t *testing.T) {
	ctx := t.Context()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(ctx, campaign.Schemas); err != nil {
		t.Fatal(err)
	}
	s := campaign.New(db, clock.System{})
	if _, err := s.Create(ctx, campaign.Campaign{Meta: store.Meta{ID: liguria.CampaignID}, Name: liguria.CampaignName, TimeZone: liguria.TimeZone}); err != nil {
		t.Fatal(err)
	}
	report, err := s.Import(ctx, liguria.CampaignID, liguria.Options(), liguria.Rows())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Refused) != 0 || report.Root != liguria.Root || report.Teams.Created != 234 || report.Regions.Created != 1+4+234 || report.Postcodes.Created != 202 {
		t.Errorf("report %+v", report)
	}
	tree, err := s.Tree(ctx, liguria.CampaignID)
	if err != nil {
		t.Fatal(err)
	}
	if root := tree.Root(); root.ID != liguria.Root || root.Name != "Liguria" || len(tree.Children(root.ID)) != 4 {
		t.Errorf("root %+v", root)
	}
	people, ambiguous := 0, 0
	for _, comune := range liguria.Comuni() {
		people += comune.Population
		region, ok := tree.Region(comune.Region)
		if !ok || !region.Leaf || region.Name != comune.Name {
			t.Fatalf("%+v is not in the tree: %+v", comune, region)
		}
		for _, postcode := range comune.Postcodes {
			got, err := s.Lookup(ctx, liguria.CampaignID, postcode, "")
			if errs.CodeOf(err) == "region_ambiguous" {
				ambiguous++
				got, err = s.Lookup(ctx, liguria.CampaignID, postcode, comune.Region)
			}
			if err != nil || got.Region.ID != comune.Region {
				t.Errorf("%s %s: %+v, %v", comune.Name, postcode, got.Region, err)
			}
		}
	}
	if len(liguria.Comuni()) != 234 || people != 1_570_694 || ambiguous == 0 {
		t.Errorf("%d comuni with %d people, %d ambiguous", len(liguria.Comuni()), people, ambiguous)
	}
}
