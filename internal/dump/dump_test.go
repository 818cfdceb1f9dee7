package dump_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/dump"
	"github.com/musterhq/muster/store"
)

// TestRoundTrip: what is exported and imported is equal document by document,
// to the byte, versions too; derived collections are left out and emptied.
func TestRoundTrip(t *testing.T) {
	from, to := engine(t), engine(t)
	want := fill(t, from)
	content := export(t, from)
	load(t, to, &marks, document(t, "genova", "stale", 1), document(t, "savona", "stale", 1))
	for round := range 2 { // a repeat ends the same
		var told int64
		report, err := dump.Import(t.Context(), bytes.NewReader(content), to, all, func(n int64) { told = n })
		if err != nil {
			t.Fatal(err)
		}
		if total := int64(len(want["postings"]) + len(want["people"])); report.Total() != total || told != total || report.Documents["people"] != int64(len(want["people"])) {
			t.Errorf("round %d: reports %v, told %d, want %d", round, report.Documents, told, total)
		}
		if diff := cmp.Diff([]string{"postings", "people"}, report.Header.Collections); diff != "" {
			t.Errorf("collections (-want +got):\n%s", diff)
		}
		sameDocs(t, "postings", walked(t, to, &postings), want["postings"])
		sameDocs(t, "people", walked(t, to, &people), want["people"])
		sameDocs(t, "marks", walked(t, to, &marks), nil)
	}
	checked, err := check(content)
	if err != nil || checked.Total() != int64(len(want["postings"])+len(want["people"])) {
		t.Errorf("Check: %v, %v", checked.Documents, err)
	}
}

// TestLargeDocuments: documents of the largest size there may be, and those that
// take most room in their form, go through.
func TestLargeDocuments(t *testing.T) {
	from, to := engine(t), engine(t)
	for i, size := range []int{store.MaxDocument - 100, 1<<20 - 100, 1<<20 + 100} {
		load(t, from, &people, document(t, "genova", fmt.Sprint(i), 1, bson.E{Key: "text", Value: strings.Repeat("\x01", size)}))
	}
	if _, err := dump.Import(t.Context(), bytes.NewReader(export(t, from)), to, all, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := walked(t, to, &people), walked(t, from, &people); len(got) != 3 || !slices.EqualFunc(got, want, func(a, b store.Raw) bool { return bytes.Equal(a.Body, b.Body) }) {
		t.Errorf("%d documents came over, and not as they were", len(got))
	}
}

// TestReadable: the format is what its documentation says.
func TestReadable(t *testing.T) {
	db := engine(t)
	load(t, db, &postings, document(t, "genova", "a", 2, bson.E{Key: "n", Value: int32(5)}))
	load(t, db, &people, document(t, "genova", "$", 1, bson.E{Key: "$set", Value: "x"}))
	lines := strings.SplitAfter(unpacked(t, export(t, db)), "\n")
	want := []string{
		`{"muster_export":1,"muster":"1.2","taken_at":"2026-11-27T14:00:00Z","collections":["postings","people"]}` + "\n",
		`{"collection":"postings","document":{"campaign":"genova","id":"a","version":{"$numberLong":"2"},"n":{"$numberInt":"5"}}}` + "\n",
		`{"collection":"people","bson":"QQAAAAJjYW1wYWlnbgAHAAAAZ2Vub3ZhAAJpZAACAAAAJAASdmVyc2lvbgABAAAAAAAAAAIkc2V0AAIAAAB4AAA="}` + "\n",
	}
	sum := sha256.Sum256([]byte(strings.Join(want, "")))
	want = append(want, `{"end":{"documents":{"people":1,"postings":1},"sha256":"`+hex.EncodeToString(sum[:])+`"}}`+"\n", "")
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func smallExport(t testing.TB) []byte {
	t.Helper()
	db := engine(t)
	load(t, db, &postings, document(t, "genova", "a/0000000001", 1, bson.E{Key: "n", Value: int64(1)}), document(t, "genova", "a/0000000002", 1, bson.E{Key: "n", Value: int64(2)}))
	load(t, db, &people, document(t, "genova", "p", 3, bson.E{Key: "email", Value: "ada"}))
	return export(t, db)
}

// TestDamage: an export cut anywhere, or with any byte changed, is refused, or,
// where the byte means nothing, read as it was written.
func TestDamage(t *testing.T) {
	content := smallExport(t)
	for n := range content {
		if _, err := check(content[:n]); !errors.Is(err, dump.ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(content), err)
		}
	}
	refused := 0
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 0x10
		if report, err := check(changed); errors.Is(err, dump.ErrDamaged) || errors.Is(err, dump.ErrNewer) { // a changed header may look newer
			refused++
		} else if err != nil || report.Total() != 3 {
			t.Fatalf("byte %d changed: %v, %v", i, report.Documents, err)
		}
	}
	if refused < len(content)-10 { // the head of a gzip has a time and the like
		t.Errorf("of %d changes %d were refused", len(content), refused)
	}
}

// TestForged: a file that is a good gzip and no export is refused before
// anything is written, by Check, with or without a look into the documents.
func TestForged(t *testing.T) {
	l := strings.SplitAfter(unpacked(t, smallExport(t)), "\n") // header, three documents, end
	with := func(i int, old, fresh string) []string {
		changed := slices.Clone(l)
		changed[i] = strings.Replace(changed[i], old, fresh, 1)
		if changed[i] == l[i] {
			t.Fatalf("line %d has no %s", i, old)
		}
		return changed
	}
	cases := []struct {
		what  string
		lines []string
		want  error
	}{
		{"well made", l, nil},
		{"empty", nil, dump.ErrDamaged},
		{"without a header", l[1:], dump.ErrDamaged},
		{"without an end", l[:4], dump.ErrDamaged},
		{"the last line cut", with(4, "\n", ""), dump.ErrDamaged},
		{"a document less", append(slices.Clone(l[:1]), l[2:]...), dump.ErrDamaged},
		{"a document twice", append([]string{l[0], l[1]}, l[1:]...), dump.ErrDamaged},
		{"two in another order", []string{l[0], l[2], l[1], l[3], l[4]}, dump.ErrDamaged},
		{"a document changed", with(1, `"n":{"$numberLong":"1"}`, `"n":{"$numberLong":"9"}`), dump.ErrDamaged},
		{"the header changed", with(0, "1.2", "1.3"), dump.ErrDamaged},
		{"a count changed", with(4, `"people":1`, `"people":2`), dump.ErrDamaged},
		{"something after the end", append(slices.Clone(l), l[1]), dump.ErrDamaged},
		{"a line that is no JSON", []string{l[0], "{\n"}, dump.ErrDamaged},
		{"a collection that the header does not list", with(1, "postings", "others"), dump.ErrDamaged},
		{"a document and BSON", with(1, `"document"`, `"bson":"AA==","document"`), dump.ErrDamaged},
		{"neither", []string{l[0], `{"collection":"people"}` + "\n"}, dump.ErrDamaged},
		{"a newer format", with(0, `"muster_export":1`, `"muster_export":2`), dump.ErrNewer},
		{"no format", with(0, `"muster_export":1`, `"muster_export":0`), dump.ErrDamaged},
		{"a collection that this version does not know", with(0, "people", "others"), dump.ErrNewer},
		{"a derived collection", with(0, "people", "marks"), dump.ErrNewer},
	}
	for _, c := range cases {
		for _, deep := range []bool{true, false} {
			_, err := dump.Check(t.Context(), bytes.NewReader(packed(c.lines...)), all, deep)
			if !errors.Is(err, c.want) {
				t.Errorf("%s, deep %t: %v, want %v", c.what, deep, err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "ada") {
				t.Errorf("%s: says %q", c.what, err)
			}
		}
	}
}

// signed makes an export, with a right end, of a collection's lines.
func signed(collection string, lines ...string) []byte { return signedAs(1, collection, lines...) }

func signedAs(format int, collection string, lines ...string) []byte {
	head := fmt.Sprintf(`{"muster_export":%d,"collections":[%q]}`+"\n", format, collection)
	sum := sha256.New()
	_, _ = io.WriteString(sum, head+strings.Join(lines, ""))
	end := fmt.Sprintf(`{"end":{"documents":{%q:%d},"sha256":%q}}`+"\n", collection, len(lines), hex.EncodeToString(sum.Sum(nil)))
	return packed(append(append([]string{head}, lines...), end)...)
}

// TestBadDocuments: a document that is none is found by a deep Check, and by
// Import, whatever the end says.
func TestBadDocuments(t *testing.T) {
	const head = `"campaign":"genova","id":"p","version":{"$numberLong":"1"}`
	body := document(t, "genova", "p", 1, bson.E{Key: "x", Value: bson.D{{Key: "y", Value: "zz"}}}).Body
	good := base64.StdEncoding.EncodeToString(body)
	inside := base64.StdEncoding.EncodeToString(bytes.Replace(body, []byte("\x03\x00\x00\x00zz"), []byte("\x7f\x00\x00\x00zz"), 1))
	long := base64.StdEncoding.EncodeToString(append(document(t, "genova", "p", 1).Body, 0))
	for _, doc := range []string{
		`"document":{}`, `"document":[]`, `"document":null`, `"document":7`, `"bson":"AAAA"`, `"bson":"` + long + `"`, `"bson":"` + inside + `"`, `"bson":"` + good + `","document":{` + head + `}`, `"bson":"!"`,
		`"document":{"campaign":"genova","id":"p"}`, `"document":{"campaign":"genova","id":"p","version":{"$numberLong":"0"}}`,
		`"document":{"campaign":"genova","id":"p","version":"one"}`, `"document":{` + head + `,"x":{"$date":"x"}}`, `"document":{` + head + `,"x":{"$numberInt":"1","y":1}}`,
		`"document":{` + head + `,"x":"` + strings.Repeat("x", store.MaxDocument) + `"}`,
	} {
		content := signed("people", `{"collection":"people",`+doc+"}\n")
		if _, err := check(content); !errors.Is(err, dump.ErrDamaged) {
			t.Errorf("%.100s: checked, %v", doc, err)
		}
		db := engine(t)
		if _, err := dump.Import(t.Context(), bytes.NewReader(content), db, all, nil); !errors.Is(err, dump.ErrDamaged) || len(walked(t, db, &people)) != 0 {
			t.Errorf("%.100s: imported, %v", doc, err)
		}
	}
	if _, err := check(signed("people", `{"collection":"people","document":{`+head+"}}\n")); err != nil {
		t.Errorf("a good one: %v", err)
	}
	if _, err := check(signed("people", `{"collection":"people","bson":"`+good+"\"}\n")); err != nil {
		t.Errorf("a good one as BSON: %v", err)
	}
	if _, err := check(signedAs(0, "people")); !errors.Is(err, dump.ErrDamaged) {
		t.Errorf("without a format: %v", err)
	}
	line := `{"collection":"people","document":{` + head + "}}\n"
	if _, err := dump.Import(t.Context(), bytes.NewReader(signed("people", strings.Replace(line, "people", "others", 1), line)), engine(t), all, nil); !errors.Is(err, dump.ErrDamaged) {
		t.Errorf("of a collection that the header does not list: %v", err)
	}
	for _, campaign := range []string{"", store.Everywhere} { // the engine refuses it
		content := signed("people", `{"collection":"people","document":`+strings.Replace("{"+head+"}", "genova", campaign, 1)+"}\n")
		if _, err := dump.Import(t.Context(), bytes.NewReader(content), engine(t), all, nil); !errors.Is(err, store.ErrQuery) {
			t.Errorf("of campaign %q: %v", campaign, err)
		}
	}
}

// TestImportMeetsAnother: a unique value that another document has is told and
// ends the import.
func TestImportMeetsAnother(t *testing.T) {
	db := engine(t)
	load(t, db, &people, document(t, "genova", "other", 1, bson.E{Key: "email", Value: "ada"}))
	_, err := dump.Import(t.Context(), bytes.NewReader(smallExport(t)), db, all, nil)
	if !errors.Is(err, store.ErrDuplicate) || !strings.Contains(err.Error(), "people") {
		t.Errorf("answered %v", err)
	}
}

// TestOthersErrors: what the disk or the context says is not the file's fault.
func TestOthersErrors(t *testing.T) {
	content := smallExport(t)
	for n := range len(content) {
		_, err := dump.Check(t.Context(), io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(io.ErrClosedPipe)), all, false)
		if !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, dump.ErrDamaged) {
			t.Fatalf("broken at byte %d: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dump.Check(ctx, bytes.NewReader(content), all, true); !errors.Is(err, context.Canceled) {
		t.Errorf("Check for a context that had ended: %v", err)
	}
	db := engine(t)
	if _, err := dump.Import(ctx, bytes.NewReader(content), db, all, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Import for a context that had ended: %v", err)
	}
	if _, err := dump.Export(ctx, io.Discard, db, all, dump.Header{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Export for a context that had ended: %v", err)
	}
	fill(t, db)
	if _, err := dump.Export(t.Context(), brokenWriter{}, db, all, dump.Header{}, nil); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Export to a full disk: %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestExportRefuses: a document that does not say who it is would come back as
// somebody else, and one that is broken inside not at all.
func TestExportRefuses(t *testing.T) {
	broken := document(t, "genova", "p", 1, bson.E{Key: "x", Value: bson.D{{Key: "y", Value: "zz"}}})
	broken.Body = bytes.Replace(broken.Body, []byte("\x03\x00\x00\x00zz"), []byte("\x7f\x00\x00\x00zz"), 1)
	db := engine(t)
	load(t, db, &people, broken)
	if _, err := dump.Export(t.Context(), io.Discard, db, all, dump.Header{}, nil); err == nil {
		t.Error("a broken document was exported")
	}
	db = engine(t)
	strange := document(t, "genova", "p", 1)
	strange.Version = 2
	load(t, db, &people, strange)
	if _, err := dump.Export(t.Context(), io.Discard, db, all, dump.Header{}, nil); err == nil {
		t.Error("it was exported")
	}
}

// TestExportBesideAWriter: while postings are appended, each document of an
// export is whole, and an account's ledger is a beginning without a gap that
// holds all that was written before the export began.
func TestExportBesideAWriter(t *testing.T) {
	db, to := engine(t), engine(t)
	const accounts = 40
	insert := func(round int) error {
		for a := range accounts {
			id := fmt.Sprintf("a%02d/%010d", a, round)
			doc := document(t, "genova", id, 1, bson.E{Key: "n", Value: int64(round)}, bson.E{Key: "end", Value: id})
			if err := db.Insert(context.Background(), &postings, "genova", []store.Raw{doc})[0]; err != nil {
				return err
			}
		}
		return nil
	}
	const before = 30 // more than a page in all: the export reads several
	for round := range before {
		if err := insert(round + 1); err != nil {
			t.Fatal(err)
		}
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		for round := before + 1; ; round++ {
			if err := insert(round); err != nil {
				ended <- err
				return
			}
			if round == before+1 {
				close(begun)
			}
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
		}
	}()
	<-begun
	content := export(t, db)
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := dump.Import(t.Context(), bytes.NewReader(content), to, all, nil); err != nil {
		t.Fatal(err)
	}
	last := map[string]int{}
	for _, doc := range walked(t, to, &postings) {
		account, _, _ := strings.Cut(doc.ID, "/")
		last[account]++
		if want := fmt.Sprintf("%s/%010d", account, last[account]); doc.ID != want || doc.Body.Lookup("end").StringValue() != want {
			t.Fatalf("%s where %s should be", doc.ID, want)
		}
	}
	for a := range accounts {
		if n := last[fmt.Sprintf("a%02d", a)]; n < before+1 {
			t.Errorf("account %d has %d postings, and %d were written before the export began", a, n, before+1)
		}
	}
}
