package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// format is raised when an older Muster could not read a backup rightly.
const format = 1

// manifestName is the first entry; it may be of maxManifest bytes.
const (
	manifestName = "manifest.json"
	maxManifest  = 1 << 20
)

// ErrDamaged is the answer to a file that is not a whole backup.
var ErrDamaged = errors.New("the backup is damaged, or is none")

// ErrNewer is the answer to a backup that a later version made.
var ErrNewer = errors.New("the backup was made by a newer Muster; use that or a later one")

func damaged(why string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(why, args...))
}

// Manifest says what a backup holds.
type Manifest struct {
	Format int    `json:"format"`
	Muster string `json:"muster"` // version that made it
	// TakenAt is when the backup began: what was answered before it is in it.
	TakenAt   time.Time        `json:"taken_at"`
	Documents map[string]int64 `json:"documents"` // by collection
	Files     []File           `json:"files"`     // in the order of the archive
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // in hex
}

// Describe reads a file to its end and says what a manifest says about it.
func Describe(name string, content io.Reader) (File, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, content)
	return File{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// decode reads a manifest that lists exactly these names.
func decode(text []byte, names []string) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return m, damaged("its manifest cannot be read")
	}
	switch {
	case m.Format > format:
		return m, ErrNewer
	case m.Format != format:
		return m, damaged("its manifest has no format")
	case len(m.Files) != len(names):
		return m, damaged("its manifest lists %d files, not %d", len(m.Files), len(names))
	}
	for i, file := range m.Files {
		if file.Name != names[i] {
			return m, damaged("its manifest lists something else in the place of %s", names[i])
		}
	}
	return m, nil
}
