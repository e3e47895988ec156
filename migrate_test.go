package hongbao_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMigrationPages holds docs/migrate together: every page is short, in two
// languages with the same code, and in the index.
func TestMigrationPages(t *testing.T) {
	t.Parallel()
	const dir, chinese = "docs/migrate/", ".zh-CN.md"
	files, err := filepath.Glob(dir + "*.md")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	block := regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	remark := regexp.MustCompile(`(?m)\s+(//|#) .*$`)
	code := func(text string) []string { return block.FindAllString(remark.ReplaceAllString(text, ""), -1) }
	for _, file := range files {
		text := read(file)
		if n := strings.Count(text, "\n"); n > 60 {
			t.Errorf("%s has %d lines", file, n)
		}
		page, isChinese := strings.CutSuffix(file, chinese)
		if isChinese {
			continue
		}
		page = strings.TrimSuffix(page, ".md")
		if !slices.Equal(code(text), code(read(page+chinese))) {
			t.Errorf("%s shows other code than %s", file, page+chinese)
		}
		if name := filepath.Base(page); name != "README" {
			for index, link := range map[string]string{"README.md": name + ".md", "README.zh-CN.md": name + chinese} {
				if !strings.Contains(read(dir+index), "]("+link+")") {
					t.Errorf("%s does not lead to %s", index, link)
				}
			}
		}
	}
	// What the pages tell to change is what the tests of interop/ change.
	for _, c := range []struct{ page, program, setting string }{
		{"wechatpay-axios-plugin.md", "node/wechatpay-axios-plugin.mjs", "baseURL:"},
		{"tenpay.md", "node/tenpay.mjs", ".replace('https://api.mch.weixin.qq.com',"},
		{"node-easywechat.md", "node/node-easywechat.mjs", "http: { baseURL:"},
		{"gopay.md", "gopay/main.go", ".BaseURL ="},
	} {
		if !strings.Contains(read(dir+c.page), c.setting) || !strings.Contains(read("interop/"+c.program), c.setting) {
			t.Errorf("%s and interop/%s do not both say %q", c.page, c.program, c.setting)
		}
	}
}
