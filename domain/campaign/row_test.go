package campaign

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/errs"
)

func TestGeoNamesTabs(t *testing.T) {
	const file = "FR\t75008 CEDEX 08\tParis\tÎle-de-France\t11\tParis\t75\tParis\t751\t48.8534\t2.3488\t5\n" +
		"FR\t01000\tBourg-en-Bresse\tAuvergne-Rhône-Alpes\t84\tAin\t01\tBourg-en-Bresse\t012\t46.2057\t5.2258\t5\r\n" +
		"FR\t01000\tSaint-Denis-lès-Bourg\tAuvergne-Rhône-Alpes\t84\tAin\t01\n"
	in, err := newLines(strings.NewReader("\uFEFF" + file))
	if err != nil {
		t.Fatal(err)
	}
	rules := rowRules{columns: in.columns, country: "FR", depth: DepthAdmin2}
	var rows []row
	var refused []RefusedRow
	for {
		line, fields, no, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || no != nil {
			t.Fatal(err, no)
		}
		r, no := rules.parse(line, fields)
		if no != nil {
			refused = append(refused, *no)
			continue
		}
		rows = append(rows, r)
	}
	wantRows := []row{{line: 2, postcode: "01000", place: "Bourg-en-Bresse", lat: 46.2057, lon: 5.2258,
		admin: [3]unit{{"Auvergne-Rhône-Alpes", "84"}, {"Ain", "01"}, {"Bourg-en-Bresse", "012"}}}}
	wantRefused := []RefusedRow{
		{1, NotForSignUp, `Nobody lives at a postcode of kind "CEDEX 08".`},
		{3, BadColumns, "The row has 7 columns; 12 are expected."},
	}
	if !slices.Equal(rows, wantRows) {
		t.Errorf("rows %+v, want %+v", rows, wantRows)
	}
	if diff := cmp.Diff(wantRefused, refused); diff != "" {
		t.Error(diff)
	}
}

func TestAmericanMilitaryMail(t *testing.T) {
	rules := rowRules{columns: newColumns(geonames), country: "US", depth: DepthAdmin1}
	_, refused := rules.parse(7, strings.Split("US\t09001\tAPO AE\tArmed Forces\tAE\t\t\t\t\t40\t-70\t", "\t"))
	if refused == nil || refused.Reason != NotForSignUp || refused.Line != 7 {
		t.Fatalf("refused %+v", refused)
	}
}

func TestHeaderMustNameTheColumns(t *testing.T) {
	for name, file := range map[string]string{
		"import_empty":  "",
		"import_format": "country,postcode,place\nIT,1,2\n",
	} {
		if _, err := newLines(strings.NewReader(file)); errs.CodeOf(err) != name {
			t.Errorf("%q: %v, want %s", file, err, name)
		}
	}
	if _, err := newLines(strings.NewReader(strings.Repeat("x", maxLine+1))); errs.CodeOf(err) != "import_format" {
		t.Errorf("an endless first line: %v", err)
	}
	if _, err := newLines(strings.NewReader("\x1f\x8bno gzip")); errs.CodeOf(err) != "import_format" {
		t.Errorf("broken gzip: %v", err)
	}
}

func TestLongLineCostsOneRow(t *testing.T) {
	file := "IT\tlong " + strings.Repeat("x", 3*maxLine) + "\nIT\tb\n"
	in, err := newLines(strings.NewReader("IT\ta\n" + file))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		line, fields, refused, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if refused != nil {
			got = append(got, string(refused.Reason))
			line = refused.Line
		} else {
			got = append(got, fields[1])
		}
		if line != len(got) {
			t.Errorf("row %d says it is line %d", len(got), line)
		}
	}
	if want := []string{"a", string(BadColumns), "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzRow(f *testing.F) {
	f.Add([]byte("country,postcode,kind,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon\nIT,16128,,\"Ge\"\"nova\",Liguria,08,Genova,GE,,,44.4,8.9\n"))
	f.Add([]byte("IT\t16128\tGenova\tLiguria\t08\tGenova\tGE\t\t\t44.4\t8.9\t4\n"))
	f.Add([]byte("\uFEFFlat,lon,place,postcode,country,admin1,admin1_code\n1,NaN,,,,,\n\"\n,,,,,,\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		in, err := newLines(strings.NewReader(string(file)))
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatalf("refused as %v", err)
			}
			return
		}
		rules := rowRules{columns: in.columns, country: "IT", depth: DepthPlace}
		last := 0
		for {
			line, fields, refused, err := in.next()
			if err != nil {
				return // the end, or a broken gzip
			}
			var r row
			if refused == nil {
				r, refused = rules.parse(line, fields)
			}
			if refused != nil {
				r.line = refused.Line
				if refused.Reason == "" || refused.Text == "" {
					t.Fatalf("refused without a reason: %+v", refused)
				}
			} else if code, ok := NormalizePostcode(r.postcode); !ok || code != r.postcode || r.place == "" || r.lat < -90 || r.lat > 90 || r.lon < -180 || r.lon > 180 {
				t.Fatalf("accepted %+v", r)
			}
			if r.line <= last {
				t.Fatalf("line %d after line %d", r.line, last)
			}
			last = r.line
		}
	})
}

// FuzzSplitComma holds the splitter to the standard library's on lines that
// both take.
func FuzzSplitComma(f *testing.F) {
	for _, seed := range []string{`a,b`, `"a,""b""",c`, `"a"b`, `a"b`, `"`, `,,`, ``, ` "a"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if line == "" || strings.ContainsAny(line, "\r\n") {
			return
		}
		want, err := csv.NewReader(strings.NewReader(line)).Read()
		got, ok := splitComma(line)
		if ok != (err == nil) || ok && !slices.Equal(got, want) {
			t.Fatalf("splitComma(%q) = %q, %v; encoding/csv says %q, %v", line, got, ok, want, err)
		}
	})
}
