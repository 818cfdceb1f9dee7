package push_test

import (
	"os"
	"testing"

	"github.com/musterhq/muster/internal/redistest"
)

func TestMain(m *testing.M) { os.Exit(redistest.Main(m)) }
