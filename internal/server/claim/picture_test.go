package claim_test

import (
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"

	"hongbao.example/hongbao/internal/server/claim"
)

// picture reads a PNG.
func picture(t *testing.T, a answer) image.Image {
	t.Helper()
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/png" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	img, err := png.Decode(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// dark tells whether a pixel is dark.
func dark(c color.Color) bool {
	r, g, b, _ := c.RGBA()
	return r+g+b < 3*0x4000
}

// TestPicturesShowTheLink compares the modules of each picture with those of the
// absolute link at level M, with four free ones around.
func TestPicturesShowTheLink(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{"loopback": "", "a long address": "https://" + strings.Repeat("long.", 30) + "example"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, terms{baseURL: base})
			s := b.send(3)
			want, err := qr.Encode(or(base, b.base)+s.path, qr.M)
			if err != nil {
				t.Fatal(err)
			}
			side := want.Size + 8
			code := picture(t, b.browser().get(s.path+"/qr.png"))
			if code.Bounds().Dx() != side*8 || code.Bounds().Dy() != side*8 {
				t.Fatalf("%v pixels for %d modules", code.Bounds(), side)
			}
			compare(t, want, code, image.Pt(0, 0), 8)

			poster := picture(t, b.browser().get(s.path+"/poster.png"))
			module := 480 / side
			size := poster.Bounds().Size()
			compare(t, want, poster, image.Pt((size.X-module*side)/2, (size.Y-module*side)/2), module)
			if r, g, _, _ := poster.At(2, 2).RGBA(); r < 0xa000 || g > 0x4000 {
				t.Errorf("the poster is not red: %v", poster.At(2, 2))
			}
		})
	}
}

// TestAPosterIsOfItsOwnLink: the poster of one link is not shown for another, and
// asking again gives the same, which is not drawn again.
func TestAPosterIsOfItsOwnLink(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	one, other := b.send(3).path+"/poster.png", b.send(3).path+"/poster.png"
	w := b.browser()
	first, second := w.get(one).body, w.get(other).body
	if first == second {
		t.Error("two links have one poster")
	}
	if w.get(one).body != first || w.get(other).body != second {
		t.Error("a poster changed when it was asked for again")
	}
	claim.KeepPoster(b.handler, strings.Split(one, "/")[2], "kept")
	if got := w.get(one).body; got != "kept" {
		t.Error("a poster that was kept is drawn again")
	}
}

// TestPostersKeptAreBounded: with more links than are kept, the memory of one process
// does not grow, and every poster is still shown.
func TestPostersKeptAreBounded(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	path := b.send(3).path + "/poster.png"
	for i := range claim.PostersMax + 10 {
		claim.KeepPoster(b.handler, strconv.Itoa(i), "")
	}
	if kept := claim.PostersKept(b.handler); kept > claim.PostersMax {
		t.Errorf("%d posters are kept", kept)
	}
	picture(t, b.browser().get(path))
}

// compare looks at the middle of each module, free ones included.
func compare(t *testing.T, want *qr.Code, img image.Image, corner image.Point, module int) {
	t.Helper()
	for y := range want.Size + 8 {
		for x := range want.Size + 8 {
			at := corner.Add(image.Pt(x*module+module/2, y*module+module/2))
			if got := dark(img.At(at.X, at.Y)); got != want.Black(x-4, y-4) {
				t.Fatalf("module %d, %d is dark: %v", x-4, y-4, got)
			}
		}
	}
}

func TestPicturesOfNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, terms{})
	for _, path := range []string{"/p/nothing/qr.png", "/p/nothing/poster.png"} {
		b.refused(b.browser().get(path), http.StatusNotFound, "not_found")
	}
}
