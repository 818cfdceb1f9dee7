//go:build fault

package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
)

// What TestMain prepares for all tests.
var (
	binary   string // built with the tag
	template string // data folder with a campaign and its regions
	kills    = 20   // rounds of kill -9; FAULT_ROUNDS, for a bounded run
	bounded  bool
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
	if err := needs(); err != nil {
		return 1, err
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

// needs names what is missing, in one line.
func needs() error {
	if os.Geteuid() != 0 {
		return errors.New("the fault suite needs root: it mounts a small disk in a namespace of its own")
	}
	for _, program := range []string{"redis-server", "unshare", "nsenter", "prlimit", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is missing (Debian: apt-get install redis-server util-linux mount)", program)
		}
	}
	if text := os.Getenv("FAULT_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("FAULT_ROUNDS is %q; write how many rounds of kill -9", text)
		}
		kills, bounded = n, true
	}
	return nil
}

// prepare builds the binary, unless FAULT_BINARY names one, and the folder that
// every test begins with.
func prepare(folder string) error {
	binary = os.Getenv("FAULT_BINARY")
	if binary == "" {
		binary = filepath.Join(folder, "muster")
		if text, err := exec.Command("go", "build", "-tags", "fault", "-o", binary, "../../cmd/muster").CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, text)
		}
	}
	template = filepath.Join(folder, "template")
	file := filepath.Join(folder, "places.csv")
	if err := os.WriteFile(file, []byte(places), 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"campaign", "create", campaignID, "--name", "Faults", "--admin-email", "admin@example.org", "--time-zone", "Europe/Rome", "--data", template},
		{"import", "postcodes", file, "--campaign", campaignID, "--data", template},
	} {
		if text, err := exec.Command(binary, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", args[0], err, text)
		}
	}
	return nil
}
