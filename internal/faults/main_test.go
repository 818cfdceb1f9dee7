//go:build fault || servers

package faults

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// What TestMain prepares for all tests.
var (
	binary   string // built with the tag fault where the suite is
	template string // data folder with a campaign and its regions
	kills    = 20   // rounds of kill -9; FAULT_ROUNDS, for a bounded run
	bounded  bool

	placesFile string
)

const campaignID = "faults"

// places are few, so that people meet on boards.
const places = `country,postcode,kind,place,admin1,admin1_code,admin2,admin2_code,admin3,admin3_code,lat,lon,population
IT,18030,,Airole,Liguria,08,Imperia,IM,Airole,008001,43.8733,7.5623,461
IT,18035,,Apricale,Liguria,08,Imperia,IM,Apricale,008002,43.8882,7.6757,625
IT,16020,,Fascia,Liguria,08,Genova,GE,Fascia,010022,44.5833,9.2167,70
`

var postcodes = []string{"18030", "18035", "16020"}

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	flag.Parse()
	redis.SetLogger(silence{})
	code, err := suite(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = 1
	}
	os.Exit(code)
}

func suite(m *testing.M) (int, error) {
	if err := needsOfFaults(); err != nil {
		return 1, err
	}
	if err := needsOfServers(); err != nil {
		return 1, err
	}
	// What a test's server stands on the test says: no setting of whoever runs it.
	for _, setting := range os.Environ() {
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, "MUSTER_") {
			os.Unsetenv(name)
		}
	}
	folder, err := os.MkdirTemp("", "muster-faults-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	if err := prepare(folder); err != nil {
		return 1, err
	}
	code := m.Run()
	return code, report(code == 0)
}

// prepare builds the binary, unless FAULT_BINARY names one, and the folder that
// every test begins with.
func prepare(folder string) error {
	binary = os.Getenv("FAULT_BINARY")
	if binary == "" {
		binary = filepath.Join(folder, "muster")
		if text, err := exec.Command("go", "build", "-tags", binaryTags, "-o", binary, "../../cmd/muster").CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, text)
		}
	}
	template, placesFile = filepath.Join(folder, "template"), filepath.Join(folder, "places.csv")
	if err := os.WriteFile(placesFile, []byte(places), 0o600); err != nil {
		return err
	}
	for _, args := range makeCampaign(campaignID) {
		if text, err := exec.Command(binary, append(args, "--data", template)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", args[0], err, text)
		}
	}
	return nil
}

// makeCampaign is how a store gets a campaign with its regions.
func makeCampaign(id string) [][]string {
	return [][]string{
		{"campaign", "create", id, "--name", "Faults", "--admin-email", "admin@example.org", "--time-zone", "Europe/Rome"},
		{"import", "postcodes", placesFile, "--campaign", id},
	}
}
