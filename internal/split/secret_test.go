package split_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"hongbao.example/hongbao/internal/split"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := split.Secret([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"))
	holder := struct{ S split.Secret }{s}
	var logged strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("sent", "secret", s, "pointer", &s, "holder", holder)
	}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{s.String(), logged.String(), string(encoded), fmt.Sprint(s), fmt.Sprintln(&s), fmt.Sprintf("%+v", holder)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%8.3s"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, holder))
	}
	for _, text := range texts {
		if !strings.Contains(text, "[secret]") {
			t.Errorf("%q does not say that it is a secret", text)
		}
		for _, trace := range []string{"ABC", "QUJD", "4142", "41 42", "65 66", "65,66", "101 102", "0041", "1000001"} {
			if strings.Contains(text, trace) {
				t.Errorf("%q shows a secret", text)
			}
		}
	}
}
