-- Neovim's own client on the server that BPFLS names: a failing file is opened, its
-- finding seen, mended and written. Leaves with exit code 1 where something is missing.

local function fail(what)
  io.stderr:write('not reached: ' .. what .. '\n' .. vim.inspect(vim.diagnostic.get(0)) .. '\n')
  vim.cmd('cquit 1')
end

local function wait_for(what, holds)
  if not vim.wait(60000, holds, 20) then
    fail(what)
  end
end

local function find(what, pattern)
  wait_for(what, function()
    local found = vim.diagnostic.get(0)
    return #found == 1 and found[1].message:match(pattern) ~= nil
  end)
  return vim.diagnostic.get(0)[1]
end

package.path = vim.env.BPFLS_LUA .. '/?.lua;' .. package.path
require('bpfls').setup { cmd = { vim.env.BPFLS, 'lsp' } }

vim.cmd('filetype on')
vim.cmd('edit emoji.bpf.c')
wait_for('the server starts', function() return #vim.lsp.buf_get_clients(0) == 1 end)
local _, client = next(vim.lsp.buf_get_clients(0))

local finding = find('a finding', '^reads data%[23%], byte 23 of the packet')
local line = vim.fn.getline(finding.lnum + 1)
local text = line:sub(finding.col + 1, finding.end_col)
if text ~= 'data[23]' then
  fail('the finding is on data[23], not on ' .. text)
end

vim.fn.setline(finding.lnum + 1, (line:gsub('23', '33')))
vim.cmd('silent write')
find('the finding of the new text', '^reads data%[33%], byte 33 of the packet')

vim.fn.setline(finding.lnum + 1, (line:gsub('23', '13')))
vim.cmd('silent write')
wait_for('no finding', function() return #vim.diagnostic.get(0) == 0 end)

-- Another file, with a hover and a fix.
vim.cmd('edit unchecked.bpf.c')
finding = find('a finding', '^value is null when counters has no entry for key')
local related = finding.user_data and finding.user_data.lsp and finding.user_data.lsp.relatedInformation
if related == nil and not finding.message:match('unchecked%.bpf%.c:%d+:%d+: ') then
  fail('related places: ' .. vim.inspect(finding))
end
local at = { line = finding.lnum, character = finding.col }
local document = vim.lsp.util.make_text_document_params()

local function request(method, params)
  local answer, err = client.request_sync(method, params, 60000, 0)
  if err or not answer or answer.err then
    fail(method .. ': ' .. vim.inspect(err or answer))
  end
  return answer.result
end

local hover = request('textDocument/hover', { textDocument = document, position = at })
if not hover or not hover.contents.value:match('proven here') then
  fail('a hover: ' .. vim.inspect(hover))
end
local fix
for _, action in ipairs(request('textDocument/codeAction', {
  textDocument = document, range = { start = at, ['end'] = at }, context = { diagnostics = {}, triggerKind = 1 },
})) do
  if action.isPreferred or action.data then
    fix = action
  end
end
if not fix then
  fail('a fix')
end
if not fix.edit then
  fix = request('codeAction/resolve', fix) -- on a slow machine fixes are found when asked for
end
vim.lsp.util.apply_workspace_edit(fix.edit, client.offset_encoding)
vim.cmd('silent write')
wait_for('no finding behind the fix', function() return #vim.diagnostic.get(0) == 0 end)

vim.lsp.stop_client(client.id)
print('ok')
vim.cmd('qall!')
