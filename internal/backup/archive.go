package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
)

// Write writes a backup. m.Files must describe the files; open gives each one's
// content. A content of another size is an error.
func Write(w io.Writer, m Manifest, open func(name string) (io.ReadCloser, error)) error {
	m.Format = format
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	// The speed of the disk matters more than the last tenth of the size.
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zip)
	if err := add(archive, m, manifestName, int64(len(text)), bytes.NewReader(text)); err != nil {
		return err
	}
	for _, file := range m.Files {
		content, err := open(file.Name)
		if err != nil {
			return err
		}
		if err := errors.Join(add(archive, m, file.Name, file.Size, content), content.Close()); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zip.Close())
}

func add(archive *tar.Writer, m Manifest, name string, size int64, content io.Reader) error {
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: m.TakenAt})
	if err != nil {
		return err
	}
	_, err = io.Copy(archive, content) // a content that is shorter fails what comes next
	return err
}

// Read reads a whole backup that holds exactly the files of these names, and
// hands each to take, which reads as much of it as it likes. It answers an error
// of take's as it is; ErrNewer; and ErrDamaged for all that is not a whole
// backup, also when take has had all files by then.
func Read(r io.Reader, names []string, take func(file File, content io.Reader) error) (Manifest, error) {
	from := &reader{from: r}
	m, err := read(from, names, take)
	if from.err != nil { // the disk, or the caller's context: not the backup
		return m, from.err
	}
	return m, err
}

func read(r io.Reader, names []string, take func(file File, content io.Reader) error) (Manifest, error) {
	// gzip reads byte by byte from a ByteReader, and so stops at its end.
	packed := bufio.NewReaderSize(r, 1<<16)
	zip, err := gzip.NewReader(packed)
	if err != nil {
		return Manifest{}, damaged("it is not a gzip file")
	}
	zip.Multistream(false)
	archive := tar.NewReader(zip)
	text, err := readManifest(archive)
	if err != nil {
		return Manifest{}, err
	}
	m, err := decode(text, names)
	if err != nil {
		return m, err
	}
	for _, file := range m.Files {
		if err := next(archive, file.Name, file.Size); err != nil {
			return m, err
		}
		if err := hand(archive, file, take); err != nil {
			return m, err
		}
	}
	if _, err := archive.Next(); !errors.Is(err, io.EOF) {
		return m, damaged("something follows its last file")
	}
	// The end of the gzip holds the check of all of it.
	if n, err := io.Copy(io.Discard, io.LimitReader(zip, maxManifest)); err != nil || n == maxManifest {
		return m, damaged("its end is not as it was written")
	}
	if _, err := packed.ReadByte(); !errors.Is(err, io.EOF) {
		return m, damaged("something follows its end")
	}
	return m, nil
}

func readManifest(archive *tar.Reader) ([]byte, error) {
	header, err := archive.Next()
	if err != nil || header.Name != manifestName || header.Typeflag != tar.TypeReg || header.Size > maxManifest {
		return nil, damaged("it does not begin with a manifest")
	}
	text, err := io.ReadAll(archive)
	if err != nil {
		return nil, damaged("it ends within its manifest")
	}
	return text, nil
}

// next moves to the entry that must come.
func next(archive *tar.Reader, name string, size int64) error {
	header, err := archive.Next()
	switch {
	case err != nil:
		return damaged("it ends before %s", name)
	case header.Name != name || header.Typeflag != tar.TypeReg:
		return damaged("it holds something else in the place of %s", name)
	case header.Size != size:
		return damaged("%s has %d bytes, not %d", name, header.Size, size)
	}
	return nil
}

// hand gives take a file and checks all of it.
func hand(archive *tar.Reader, file File, take func(File, io.Reader) error) error {
	content := &reader{from: archive, sum: sha256.New()}
	err := take(file, content)
	if content.err == nil && err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, content) // content.err has what happened
	if content.err != nil {
		return damaged("it ends within %s", file.Name)
	}
	if hex.EncodeToString(content.sum.Sum(nil)) != file.SHA256 {
		return damaged("%s is not as it was written", file.Name)
	}
	return nil
}

// reader keeps the sum of what was read and what went wrong.
type reader struct {
	from io.Reader
	sum  hash.Hash // nil: none
	err  error     // other than io.EOF
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.sum != nil {
		r.sum.Write(p[:n])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
