# Homebrew formula, filled in by `cargo xtask dist`.
class Wexport < Formula
  desc "Export files from Workiva, interactively or in scripts"
  homepage "{{url}}"
  version "{{version}}"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "{{url}}/releases/download/v{{version}}/wexport-v{{version}}-aarch64-apple-darwin.tar.gz"
      sha256 "{{sha256:aarch64-apple-darwin.tar.gz}}"
    end
    on_intel do
      url "{{url}}/releases/download/v{{version}}/wexport-v{{version}}-x86_64-apple-darwin.tar.gz"
      sha256 "{{sha256:x86_64-apple-darwin.tar.gz}}"
    end
  end

  on_linux do
    on_arm do
      url "{{url}}/releases/download/v{{version}}/wexport-v{{version}}-aarch64-unknown-linux-musl.tar.gz"
      sha256 "{{sha256:aarch64-unknown-linux-musl.tar.gz}}"
    end
    on_intel do
      url "{{url}}/releases/download/v{{version}}/wexport-v{{version}}-x86_64-unknown-linux-musl.tar.gz"
      sha256 "{{sha256:x86_64-unknown-linux-musl.tar.gz}}"
    end
  end

  def install
    bin.install "wexport"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/wexport.bash" => "wexport"
    fish_completion.install "completions/wexport.fish"
    zsh_completion.install "completions/_wexport"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/wexport --version")
    system bin/"wexport", "demo", testpath/"demo"
  end
end
