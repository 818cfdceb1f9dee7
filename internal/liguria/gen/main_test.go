//go:build realdata

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestShippedFileIsWhatTheGeneratorMakes needs the folder of the real files:
// $DATA, or ../shared/data beside the checkout.
func TestShippedFileIsWhatTheGeneratorMakes(t *testing.T) {
	folder := os.Getenv("DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	var made bytes.Buffer
	if err := generate(folder, &made); err != nil {
		t.Fatalf("set DATA to the folder of the real files: %v", err)
	}
	shipped, err := os.ReadFile(filepath.Join("..", "liguria.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made.Bytes(), shipped) {
		t.Error("liguria.csv is not what the generator makes of the files: run it again, or mend it")
	}
}
