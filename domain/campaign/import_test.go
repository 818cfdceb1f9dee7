package campaign

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/musterhq/muster/internal/clock"
	"github.com/musterhq/muster/internal/errs"
	"github.com/musterhq/muster/store"
)

func TestImportOfPlaces(t *testing.T) {
	s, _ := newService(t)
	var steps []string
	report, err := s.Import(t.Context(), "test", ImportOptions{Country: "it", Progress: func(step ImportStep, done, total int) {
		steps = append(steps, fmt.Sprint(step, " ", done, "/", total))
	}}, strings.NewReader(small(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := Report{
		Country: "IT", Root: "it", Depth: DepthPlace, Rows: 19, Accepted: 10, Shared: 1,
		Refused: []RefusedRow{
			{11, BadCoordinates, `"" is not a longitude from -180 to 180.`},
			{12, BadColumns, "The row has 10 columns; 12 are expected."},
			{13, OtherCountry, `The country is "FR", not IT.`},
			{14, BadPostcode, `"1!" is not a postcode: use 2 to 12 letters and digits.`},
			{15, MissingPlace, "The place has no name."},
			{16, MissingAdminCode, "admin2 has no code or no name; the campaign's tree needs both."},
			{17, BadCoordinates, `"144.4063" is not a latitude from -90 to 90.`},
			{18, NotForSignUp, `Nobody lives at a postcode of kind "CEDEX".`},
			{19, BadText, "A quote is left open or stands inside a field without quotes."},
		},
		Regions: Counts{Created: 17}, Teams: Counts{Created: 8}, Postcodes: Counts{Created: 7},
	}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Error(diff)
	}
	if want := []string{"rows 19/19", "regions 17/17", "teams 8/8", "postcodes 7/7"}; !slices.Equal(steps, want) {
		t.Errorf("progress %v, want %v", steps, want)
	}
	got := stateOf(t, s)
	wantIDs := []string{
		"it",
		"it.emilia-romagna", "it.emilia-romagna.fc", "it.emilia-romagna.fc.forli",
		"it.emilia-romagna.mo", "it.emilia-romagna.mo.san-martino", "it.emilia-romagna.mo.san-martino-41055",
		"it.liguria", "it.liguria.ge", "it.liguria.ge.genova",
		"it.liguria.sp", "it.liguria.sp.beverino", "it.liguria.sp.follo", "it.liguria.sp.la-spezia",
		"it.toscana", "it.toscana.ms", "it.toscana.ms.san-martino",
	}
	if diff := cmp.Diff(wantIDs, got.regionIDs()); diff != "" {
		t.Error(diff)
	}
	spezia := &Region{
		Meta: store.Meta{Campaign: "test", ID: "it.liguria.sp.la-spezia"}, Name: "La Spezia", Slug: "la-spezia", Parent: "it.liguria.sp",
		Within: []string{"it", "it.liguria", "it.liguria.sp", "it.liguria.sp.la-spezia"}, Level: 3, Leaf: true, Lat: 44.1075, Lon: 9.8291,
	}
	i := slices.IndexFunc(got.Regions, func(r *Region) bool { return r.ID == spezia.ID })
	if diff := cmp.Diff(spezia, got.Regions[i]); diff != "" {
		t.Error(diff)
	}
	if root := got.Regions[0]; root.Name != "Italy" || root.Parent != "" || root.Leaf || root.Level != 0 {
		t.Errorf("root %+v", root)
	}
	names := map[string]string{}
	for _, team := range got.Teams {
		names[team.Region] = team.Name
		if team.ID != teamID("test", team.Region) || team.Within[0] != "it" || len(team.Within) != 4 {
			t.Errorf("team %+v", team)
		}
	}
	wantNames := map[string]string{
		"it.emilia-romagna.fc.forli": "Forlì", "it.liguria.ge.genova": "Genova", "it.liguria.sp.beverino": "Beverino",
		"it.liguria.sp.follo": "Follo", "it.liguria.sp.la-spezia": "La Spezia",
		"it.emilia-romagna.mo.san-martino":       "San Martino (Modena, 41030)",
		"it.emilia-romagna.mo.san-martino-41055": "San Martino (Modena, 41055)",
		"it.toscana.ms.san-martino":              "San Martino (Massa-Carrara)",
	}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Error(diff)
	}
}

func TestLookup(t *testing.T) {
	s, _ := newService(t)
	ctx := t.Context()
	if _, err := s.Import(ctx, "test", ImportOptions{}, strings.NewReader(small(t))); err != nil {
		t.Fatal(err)
	}
	choices := Choices{[]Place{
		{"it.liguria.sp.beverino", "Beverino"}, {"it.liguria.sp.follo", "Follo"}, {"it.toscana.ms.san-martino", "San Martino (Massa-Carrara)"},
	}}
	for _, c := range []struct{ postcode, region, want, code string }{
		{" 191 21", "", "it.liguria.sp.la-spezia", ""},
		{"19121", "it.liguria.sp.la-spezia", "it.liguria.sp.la-spezia", ""},
		{"19020", "it.toscana.ms.san-martino", "it.toscana.ms.san-martino", ""},
		{"19020", "", "", "region_ambiguous"},
		{"19020", "it.liguria.sp", "", "region_mismatch"},
		{"99999", "", "", "postcode_unknown"},
		{"no such thing!", "", "", "postcode_unknown"},
	} {
		got, err := s.Lookup(ctx, "test", c.postcode, c.region)
		if errs.CodeOf(err) != c.code || c.code == "" && err != nil {
			t.Errorf("%q %q: %v, want %q", c.postcode, c.region, err, c.code)
			continue
		}
		if e, ok := errors.AsType[*errs.Error](err); ok {
			if e.Kind != errs.Invalid || strings.HasPrefix(c.code, "region") && !cmp.Equal(e.Detail, any(choices)) {
				t.Errorf("%q %q: kind %d, detail %+v", c.postcode, c.region, e.Kind, e.Detail)
			}
			continue
		}
		if got.Region.ID != c.want || got.Team.Region != c.want {
			t.Errorf("%q %q: %+v", c.postcode, c.region, got)
		}
	}
}

func TestTreeAndTeams(t *testing.T) {
	s, _ := newService(t)
	ctx := t.Context()
	if _, err := s.Import(ctx, "test", ImportOptions{Within: "it.liguria"}, strings.NewReader(small(t))); err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	names := func(list []*Region) (out []string) {
		for _, r := range list {
			out = append(out, r.Name)
		}
		return out
	}
	if root := tree.Root(); root.ID != "it.liguria" || root.Parent != "" || root.Level != 0 || root.Name != "Liguria" {
		t.Errorf("root %+v", root)
	}
	if got := names(tree.Children("it.liguria")); !slices.Equal(got, []string{"Genova", "La Spezia"}) {
		t.Errorf("provinces %v", got)
	}
	if got := names(tree.Children("it.liguria.sp")); !slices.Equal(got, []string{"Beverino", "Follo", "La Spezia"}) {
		t.Errorf("comuni %v", got)
	}
	if got := tree.Within("it.liguria.sp.follo"); !slices.Equal(got, []string{"it.liguria", "it.liguria.sp", "it.liguria.sp.follo"}) {
		t.Errorf("within %v", got)
	}
	if tree.Within("it") != nil || tree.Children("it") != nil {
		t.Error("the root's parent is not in the tree")
	}
	if _, ok := tree.Region("it.liguria.sp.nowhere"); ok || tree.Len() != 7 {
		t.Errorf("%d regions", tree.Len())
	}
	again, err := s.Tree(ctx, "test")
	if err != nil || again != tree {
		t.Error("the tree was read again without need", err)
	}

	var all []string
	cursor := ""
	for {
		page, next, err := s.Teams(ctx, "test", "it.liguria.sp", cursor, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, team := range page {
			all = append(all, team.ID)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if len(all) != 3 {
		t.Errorf("teams %v", all)
	}
	team, err := s.Team(ctx, "test", all[0])
	if err != nil || team.Name != "Beverino" {
		t.Errorf("team %+v, %v", team, err)
	}
	if _, err := s.Team(ctx, "test", "team-none"); errs.CodeOf(err) != "team_unknown" {
		t.Error(err)
	}
	got, err := s.TeamNames(ctx, "test", append(all, "team-none"))
	if err != nil || !slices.Equal(slices.Sorted(maps.Values(got)), []string{"Beverino", "Follo", "La Spezia"}) {
		t.Errorf("names %v, %v", got, err)
	}
}

func TestImportAgainChangesNothing(t *testing.T) {
	s, _ := newService(t)
	ctx := t.Context()
	first, err := s.Import(ctx, "test", ImportOptions{}, strings.NewReader(small(t)))
	if err != nil {
		t.Fatal(err)
	}
	before := stateOf(t, s)
	again, err := s.Import(ctx, "test", ImportOptions{}, strings.NewReader(small(t)))
	if err != nil {
		t.Fatal(err)
	}
	if (again.Regions != Counts{Unchanged: first.Regions.Created}) || again.Teams.Unchanged != first.Teams.Created || again.Postcodes.Unchanged != first.Postcodes.Created {
		t.Errorf("again: %+v", again)
	}
	if diff := cmp.Diff(before, stateOf(t, s)); diff != "" {
		t.Error(diff)
	}
}

// TestOrderOfRowsDoesNotMatter shuffles the file: the tree must be the same, or
// ids would depend on chance.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(small(t)), "\n")
	var want state
	for seed := range uint64(5) {
		s, _ := newService(t)
		body := slices.Clone(rows[1:])
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(body), func(i, j int) {
			if seed > 0 {
				body[i], body[j] = body[j], body[i]
			}
		})
		if _, err := s.Import(t.Context(), "test", ImportOptions{Country: "IT"}, strings.NewReader(rows[0]+"\n"+strings.Join(body, "\n"))); err != nil {
			t.Fatal(err)
		}
		got := stateOf(t, s)
		if seed == 0 {
			want = got
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

// TestLaterFilesKeepIDs grows a tree: a homonym that sorts before an existing
// place must not take its id, and what the new file lacks must stay.
func TestLaterFilesKeepIDs(t *testing.T) {
	s, now := newService(t)
	ctx := t.Context()
	const header = "country,postcode,place,admin1,admin1_code,admin2,admin2_code,lat,lon\n"
	const ours = "IT,41055,San Martino,Emilia-Romagna,05,Modena,MO,44.2783,10.9155\n"
	if _, err := s.Import(ctx, "test", ImportOptions{}, strings.NewReader(header+ours+"IT,41100,Modena,Emilia-Romagna,05,Modena,MO,44.6,10.9\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tree(ctx, "test"); err != nil {
		t.Fatal(err)
	}
	second := header + "IT,41030,San Martino,Emilia-Romagna,05,Modena,MO,44.8085,11.0136\n" + strings.ReplaceAll(ours, "Emilia-Romagna", "Emilia Romagna")
	report, err := s.Import(ctx, "test", ImportOptions{}, strings.NewReader(second))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{Created: 1, Updated: 3, Unchanged: 1}); report.Regions != want {
		t.Errorf("regions %+v, want %+v", report.Regions, want)
	}
	now.Advance(campaignLife)
	for postcode, want := range map[string]string{
		"41055": "it.emilia-romagna.mo.san-martino", "41030": "it.emilia-romagna.mo.san-martino-41030", "41100": "it.emilia-romagna.mo.modena",
	} {
		got, err := s.Lookup(ctx, "test", postcode, "")
		if err != nil || got.Region.ID != want {
			t.Errorf("%s: %+v, %v", postcode, got.Region, err)
		}
	}
	tree, err := s.Tree(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	if region, _ := tree.Region("it.emilia-romagna"); region.Name != "Emilia Romagna" {
		t.Errorf("the new spelling is not in the tree: %+v", region)
	}
}

func TestDepths(t *testing.T) {
	for depth, want := range map[Depth]struct {
		regions, leaves, shared int
		choices                 []Place
	}{
		DepthAdmin1: {4, 3, 1, []Place{{"it.liguria", "Liguria"}, {"it.toscana", "Toscana"}}},
		DepthAdmin2: {9, 5, 1, []Place{{"it.liguria.sp", "La Spezia"}, {"it.toscana.ms", "Massa-Carrara"}}},
	} {
		s, _ := newService(t)
		report, err := s.Import(t.Context(), "test", ImportOptions{Country: "IT", Depth: depth}, strings.NewReader(small(t)))
		if err != nil {
			t.Fatal(err)
		}
		if report.Regions.Created != want.regions || report.Teams.Created != want.leaves || report.Shared != want.shared {
			t.Errorf("%s: %+v", depth, report)
		}
		_, err = s.Lookup(t.Context(), "test", "19020", "")
		e, ok := errors.AsType[*errs.Error](err)
		if !ok || !cmp.Equal(e.Detail, any(Choices{want.choices})) {
			t.Errorf("%s: %v %+v", depth, err, e)
		}
	}
	s, _ := newService(t)
	report, err := s.Import(t.Context(), "test", ImportOptions{Country: "IT", Depth: DepthAdmin3}, strings.NewReader(small(t)))
	if errs.CodeOf(err) != "import_empty" || report.Reasons()[MissingAdminCode] != 13 {
		t.Errorf("admin3 is not in this file: %v %v", err, report.Reasons())
	}
}

func TestImportRefuses(t *testing.T) {
	s, _ := newService(t)
	ctx := t.Context()
	file := small(t)
	for code, o := range map[string]ImportOptions{
		"country_unknown": {Country: "ZZ"},
		"depth_unknown":   {Depth: "village"},
		"root_unknown":    {Within: "it.sicilia"},
		"import_empty":    {Country: "PL"},
	} {
		report, err := s.Import(ctx, "test", o, strings.NewReader(file))
		if errs.CodeOf(err) != code || errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v (%+v)", code, err, report)
		}
	}
	if _, err := s.Import(ctx, "nobody", ImportOptions{}, strings.NewReader(file)); errs.CodeOf(err) != "campaign_unknown" {
		t.Error(err)
	}
	if diff := cmp.Diff(state{}, stateOf(t, s)); diff != "" {
		t.Errorf("refused imports wrote: %s", diff)
	}
	if _, err := s.Import(ctx, "test", ImportOptions{}, strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	before := stateOf(t, s)
	for code, o := range map[string]ImportOptions{"depth_fixed": {Depth: DepthAdmin2}, "root_fixed": {Within: "it.liguria"}} {
		if _, err := s.Import(ctx, "test", o, strings.NewReader(file)); errs.CodeOf(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	const french = "FR\t01000\tBourg\tAuvergne-Rhône-Alpes\t84\tAin\t01\t\t\t46.2057\t5.2258\t5\n"
	if _, err := s.Import(ctx, "test", ImportOptions{}, strings.NewReader(french)); errs.CodeOf(err) != "root_fixed" {
		t.Error(err)
	}
	if diff := cmp.Diff(before, stateOf(t, s)); diff != "" {
		t.Errorf("refused imports wrote: %s", diff)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	s, _ := newService(t)
	dry, err := s.Import(t.Context(), "test", ImportOptions{DryRun: true}, strings.NewReader(small(t)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state{}, stateOf(t, s)); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Tree(t.Context(), "test"); errs.CodeOf(err) != "regions_missing" {
		t.Error(err)
	}
	wet, err := s.Import(t.Context(), "test", ImportOptions{}, zipped(t, small(t)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dry, wet, cmpopts.IgnoreFields(Report{}, "DryRun")); diff != "" {
		t.Errorf("the dry run said otherwise: %s", diff)
	}
}

func zipped(t *testing.T, text string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// TestAnotherNodeSeesTheImport holds two services on one store.
func TestAnotherNodeSeesTheImport(t *testing.T) {
	engine := newStore(t)
	now := clock.NewManual(noon)
	here, there := New(engine, now), New(engine, now)
	if _, err := here.Create(t.Context(), Campaign{Meta: store.Meta{ID: "test"}, Name: "Test", TimeZone: "UTC"}); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Tree(t.Context(), "test"); errs.CodeOf(err) != "regions_missing" {
		t.Fatal(err)
	}
	if _, err := here.Import(t.Context(), "test", ImportOptions{}, strings.NewReader(small(t))); err != nil {
		t.Fatal(err)
	}
	now.Advance(2 * time.Second)
	tree, err := there.Tree(t.Context(), "test")
	if err != nil || tree.Len() != 17 {
		t.Fatalf("%v, %v", tree, err)
	}
}
