//go:build realdata

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestShippedTableIsWhatTheGeneratorMakes needs the folder of the real files:
// $DATA, or ../shared/data beside the checkout.
func TestShippedTableIsWhatTheGeneratorMakes(t *testing.T) {
	folder := os.Getenv("DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "..", "shared", "data")
	}
	var made bytes.Buffer
	if err := generate(filepath.Join(folder, "higgs_actions_until_0704.csv.gz"), &made); err != nil {
		t.Fatalf("set DATA to the folder of the real files: %v", err)
	}
	shipped, err := os.ReadFile(filepath.Join("..", "table.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made.Bytes(), shipped) {
		t.Error("table.csv is not what the generator makes of the record: run it again, or mend it")
	}
}
