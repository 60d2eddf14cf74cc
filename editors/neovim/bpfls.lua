-- bpfls for Neovim 0.7.2 or later, without a plugin. Put this file into a directory of
-- 'runtimepath' as lua/bpfls.lua and call in init.lua:
--
--   require('bpfls').setup {}
--
-- Findings are ordinary diagnostics, fixes ordinary code actions; clangd may serve the
-- same buffers. Options:
--
--   cmd       command of the server; default { 'bpfls', 'lsp' }
--   settings  keys of bpfls.toml, for instance { platform = 'linux' }
--   clangd    true: clangd serves the same files and shows compile errors
--   on_attach function(client, buffer)

local M = {}

local clients = {} -- by root: the client's id

local function root_of(path)
  local marks = vim.fs and vim.fs.find({ 'bpfls.toml', '.git', 'compile_commands.json' }, { path = path, upward = true })
  if marks and marks[1] then
    return vim.fs.dirname(marks[1])
  end
  return vim.fn.getcwd()
end

function M.start(buffer, opt)
  local root = root_of(vim.api.nvim_buf_get_name(buffer))
  if not clients[root] or not vim.lsp.get_client_by_id(clients[root]) then
    clients[root] = vim.lsp.start_client {
      name = 'bpfls',
      cmd = opt.cmd or { 'bpfls', 'lsp' },
      root_dir = root,
      settings = { bpfls = opt.settings or vim.empty_dict() },
      init_options = { settings = opt.settings or vim.empty_dict(), clangd = opt.clangd or false },
      on_attach = opt.on_attach,
    }
  end
  return clients[root] and vim.lsp.buf_attach_client(buffer, clients[root])
end

function M.setup(opt)
  vim.api.nvim_create_autocmd('FileType', {
    pattern = 'c',
    callback = function(event)
      M.start(event.buf, opt or {})
    end,
  })
end

return M
