package claim_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"
	"fmt"

	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/identity"
	"hongbao.example/hongbao/internal/store"
)

func TestShots(t *testing.T) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	b := newBed(t, terms{})
	cookie := func(w *browser) string {
		at, _ := url.Parse(b.base)
		cs := w.client.Jar.Cookies(at)
		if len(cs) == 0 {
			return ""
		}
		return "hb=" + cs[0].Value
	}
	type shot struct{ name, cookie, path, lang string }
	var shots []shot
	add := func(name string, w *browser, path string) {
		c := ""
		if w != nil {
			c = cookie(w)
		}
		shots = append(shots, shot{name, c, path, "zh-CN"}, shot{name + "-en", c, path, "en"})
	}
	s := b.send(8, func(w *engine.Wish) { w.Wishing = "感谢您参加猜灯谜活动，祝您元宵节快乐！"; w.ActName = "猜灯谜抢红包活动" })
	add("signin", nil, s.path)
	add("seed", b.person(s.path, seed), s.path)
	add("wait", b.person(s.path, "friend"), s.path)
	names := []string{"林黛玉", "王熙凤", "Em Dash", "", "周瑞", "陈其美", "赵云", "何仙姑"}
	by := []int{0, 0, 1, 0, 2, 4, 1, 6}
	links := []string{}
	claim := func(s sent, i int) {
		who := fmt.Sprint("o", i)
		if i == 0 {
			who = seed
		}
		path := s.path
		if i > 0 {
			path = links[by[i]]
		}
		tk := b.ticket(s, who, func(c *identity.Claims) { c.Name = names[i] })
		var got share
		b.decode(b.bearer(path, tk), &got)
		links = append(links, got.ShareURL[len(b.base):])
		b.clock.pass(47 * time.Second)
	}
	for i := range 4 {
		claim(s, i)
	}
	o := b.send(8)
	b.person(o.path, seed).open(o.path)
	add("open", b.person(o.path, "new"), o.path)
	h := b.send(8)
	b.hold(h)
	add("held", b.person(h.path, "o3"), h.path)
	big := b.send(40)
	add("many", b.person(big.path, seed), big.path)
	mine := b.send(5)
	w := b.person(mine.path, seed)
	_, own := w.open(mine.path)
	b.payoutOf(mine, store.PayoutAwaiting, false)
	b.person(own, "x1").open(own)
	_, x2 := b.person(own, "x2").open(own)
	b.person(x2, "x3").open(x2)
	add("mine", w, own)
	for i := 4; i < 8; i++ {
		claim(s, i)
	}
	add("finished", b.person(s.path, "o3"), s.path)
	add("late", nil, s.path)
	add("gone", nil, "/p/nothing")
	add("home", nil, "/")
	for _, sh := range shots {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Set("Cookie", sh.cookie)
			r.Header.Set("Accept-Language", sh.lang)
			b.handler.ServeHTTP(w, r)
		}))
		for _, theme := range []string{"1", "0"} {
			for _, size := range []string{"390,844", "1280,800"} {
				if size == "1280,800" && sh.lang == "en" {
					continue
				}
				out := dir + "/" + sh.name + "-" + map[string]string{"1": "light", "0": "dark"}[theme] + "-" + size[:3] + ".png"
				cmd := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--blink-settings=preferredColorScheme="+theme,
					"--window-size="+size, "--screenshot="+out, srv.URL+sh.path)
				if o, err := cmd.CombinedOutput(); err != nil {
					t.Logf("%v %s", err, o)
				}
			}
		}
		srv.Close()
	}
}
