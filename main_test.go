package hongbao_test

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := stopSandbox(); err != nil {
		fmt.Fprintln(os.Stderr, "the sandbox of the examples:", err)
		code = 1
	}
	os.Exit(code)
}
