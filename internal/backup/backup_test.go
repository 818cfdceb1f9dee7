package backup_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/musterhq/muster/internal/backup"
)

var (
	names    = []string{"keys.json", "muster.db"}
	contents = map[string]string{"keys.json": "the keys", "muster.db": strings.Repeat("a page of the database ", 1000)}
)

func manifest(t testing.TB) backup.Manifest {
	t.Helper()
	m := backup.Manifest{Format: 1, Muster: "1.2", TakenAt: time.Date(2026, 11, 27, 14, 0, 0, 0, time.UTC), Documents: map[string]int64{"people": 3}}
	for _, name := range names {
		file, err := backup.Describe(name, strings.NewReader(contents[name]))
		if err != nil {
			t.Fatal(err)
		}
		m.Files = append(m.Files, file)
	}
	return m
}

func written(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	err := backup.Write(&out, manifest(t), func(name string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(contents[name])), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read reads a backup and gives what it held.
func read(content []byte) (backup.Manifest, map[string]string, error) {
	got := map[string]string{}
	m, err := backup.Read(bytes.NewReader(content), names, func(file backup.File, r io.Reader) error {
		text, err := io.ReadAll(r)
		got[file.Name] = string(text)
		return err
	})
	return m, got, err
}

func TestRoundTrip(t *testing.T) {
	content := written(t)
	m, got, err := read(content)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(manifest(t), m); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(contents, got); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
	// Who reads nothing still has it checked.
	if _, err := backup.Read(bytes.NewReader(content), names, func(backup.File, io.Reader) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestWriteRefusesAnotherSize(t *testing.T) {
	for what, text := range map[string]string{"shorter": "the", "longer": "the keys and more"} {
		err := backup.Write(io.Discard, manifest(t), func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
		if err == nil {
			t.Errorf("a content that is %s than described was written", what)
		}
	}
}

// TestDamage: a backup cut anywhere, or with any byte changed, is refused, or,
// where the byte means nothing, read as it was written.
func TestDamage(t *testing.T) {
	content := written(t)
	for n := range content {
		if _, _, err := read(content[:n]); !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(content), err)
		}
	}
	refused := 0
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 0x10
		_, got, err := read(changed)
		switch {
		case errors.Is(err, backup.ErrDamaged):
			refused++
		case err != nil || cmp.Diff(contents, got) != "":
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	if refused < len(content)-10 { // the head of a gzip has a time and the like
		t.Errorf("of %d changes %d were refused", len(content), refused)
	}
	for _, more := range []string{"\x00", "more", string(content)} {
		if _, _, err := read(append(bytes.Clone(content), more...)); !errors.Is(err, backup.ErrDamaged) {
			t.Errorf("followed by %d bytes: %v", len(more), err)
		}
	}
}

// forged packs entries whatever they say.
func forged(t *testing.T, entries ...func(*tar.Writer)) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for _, entry := range entries {
		entry(archive)
	}
	_ = archive.Close() // where an entry is shorter than it says
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func entry(h tar.Header, content string) func(*tar.Writer) {
	return func(w *tar.Writer) {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Size == 0 {
			h.Size = int64(len(content))
		}
		_ = w.WriteHeader(&h)
		_, _ = io.WriteString(w, content)
	}
}

// TestForged: a tar that somebody made to do harm is refused, and nothing of it
// is handed on under a name of its own.
func TestForged(t *testing.T) {
	listing := func(change func(*backup.Manifest)) func(*tar.Writer) {
		m := manifest(t)
		change(&m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return entry(tar.Header{Name: "manifest.json"}, string(text))
	}
	good := listing(func(*backup.Manifest) {})
	text, err := json.Marshal(manifest(t))
	if err != nil {
		t.Fatal(err)
	}
	keys, db := entry(tar.Header{Name: "keys.json"}, contents["keys.json"]), entry(tar.Header{Name: "muster.db"}, contents["muster.db"])
	cases := []struct {
		what    string
		content []byte
		want    error
	}{
		{"well made", forged(t, good, keys, db), nil},
		{"empty", forged(t), backup.ErrDamaged},
		{"without a manifest", forged(t, keys, db), backup.ErrDamaged},
		{"a manifest alone", forged(t, good), backup.ErrDamaged},
		{"a manifest that is no JSON", forged(t, entry(tar.Header{Name: "manifest.json"}, "{"), keys, db), backup.ErrDamaged},
		{"a manifest of a gigabyte", forged(t, entry(tar.Header{Name: "manifest.json", Size: 1 << 30}, "{}")), backup.ErrDamaged},
		{"a manifest of two megabytes", forged(t, entry(tar.Header{Name: "manifest.json"}, string(text)+strings.Repeat(" ", 2<<20)), keys, db), backup.ErrDamaged},
		{"a file missing", forged(t, good, keys), backup.ErrDamaged},
		{"another order", forged(t, good, db, keys), backup.ErrDamaged},
		{"a file more", forged(t, good, keys, db, entry(tar.Header{Name: "more"}, "more")), backup.ErrDamaged},
		{"a path upwards", forged(t, good, entry(tar.Header{Name: "../keys.json"}, contents["keys.json"]), db), backup.ErrDamaged},
		{"an absolute path", forged(t, good, entry(tar.Header{Name: "/etc/passwd"}, contents["keys.json"]), db), backup.ErrDamaged},
		{"a path in the manifest too", forged(t, listing(func(m *backup.Manifest) { m.Files[0].Name = "../keys.json" }),
			entry(tar.Header{Name: "../keys.json"}, contents["keys.json"]), db), backup.ErrDamaged},
		{"a symbolic link", forged(t, good, entry(tar.Header{Name: "keys.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""), db), backup.ErrDamaged},
		{"no plain file", forged(t, good, entry(tar.Header{Name: "keys.json", Typeflag: tar.TypeCont}, contents["keys.json"]), db), backup.ErrDamaged},
		{"a folder", forged(t, good, entry(tar.Header{Name: "keys.json", Typeflag: tar.TypeDir}, ""), db), backup.ErrDamaged},
		{"a size beyond the manifest's", forged(t, good, keys, entry(tar.Header{Name: "muster.db", Size: 1 << 50}, contents["muster.db"])), backup.ErrDamaged},
		{"a huge size in the manifest too", forged(t, listing(func(m *backup.Manifest) { m.Files[1].Size = 1 << 50 }), keys,
			entry(tar.Header{Name: "muster.db", Size: 1 << 50}, contents["muster.db"])), backup.ErrDamaged},
		{"a negative size", forged(t, listing(func(m *backup.Manifest) { m.Files[1].Size = -1 }), keys, db), backup.ErrDamaged},
		{"another content", forged(t, good, keys, entry(tar.Header{Name: "muster.db"}, strings.ToUpper(contents["muster.db"]))), backup.ErrDamaged},
		{"another hash", forged(t, listing(func(m *backup.Manifest) { m.Files[0].SHA256 = "00" }), keys, db), backup.ErrDamaged},
		{"no format", forged(t, listing(func(m *backup.Manifest) { m.Format = 0 }), keys, db), backup.ErrDamaged},
		{"a newer format", forged(t, listing(func(m *backup.Manifest) { m.Format = 2 }), keys, db), backup.ErrNewer},
		{"three files listed", forged(t, listing(func(m *backup.Manifest) { m.Files = append(m.Files, m.Files[0]) }), keys, db), backup.ErrDamaged},
	}
	for _, c := range cases {
		_, got, err := read(c.content)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "passwd")) {
			t.Errorf("%s: says %q", c.what, err)
		}
		for name := range got {
			if contents[name] == "" || (name == "muster.db" && strings.HasPrefix(c.what, "a size")) {
				t.Errorf("%s: handed %q on", c.what, name)
			}
		}
	}
}

// TestOthersErrors: what the reader of the contents, the disk or the context
// says is not the backup's fault.
func TestOthersErrors(t *testing.T) {
	content := written(t)
	full := errors.New("the disk is full")
	for _, name := range names {
		_, err := backup.Read(bytes.NewReader(content), names, func(file backup.File, _ io.Reader) error {
			if file.Name == name {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || errors.Is(err, backup.ErrDamaged) {
			t.Errorf("at %s: %v", name, err)
		}
	}
	for n := range len(content) {
		broken := io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(context.Canceled))
		_, err := backup.Read(broken, names, func(_ backup.File, r io.Reader) error {
			_, err := io.ReadAll(r)
			return err
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("interrupted at byte %d: %v", n, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, got, err := read(content)
		if err != nil && !errors.Is(err, backup.ErrDamaged) && !errors.Is(err, backup.ErrNewer) {
			t.Errorf("answered %v", err)
		}
		for name := range got {
			if contents[name] == "" {
				t.Errorf("handed %q on", name)
			}
		}
	})
}
